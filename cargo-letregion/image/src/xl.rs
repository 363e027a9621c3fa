//! The domain file of Xen's `xl` (xl.cfg(5)).

use anyhow::Result;
use lab::xen::{XlGuest, xl_settings};

use super::guest::Guest;

/// The file of a guest of Xen, on a bridge.
///
/// # Errors
/// A path or an argument is one that xl cannot read.
pub(super) fn file(guest: &Guest) -> Result<String> {
    let Guest { name, image, memory, line, bridge, .. } = guest;
    Ok(format!(
        "# The service {name} as a guest of Xen, for xl (xl.cfg(5)), as cargo letregion image wrote it.\n\
         \n\
         {settings}\
         \n\
         # It is started again if it crashes, and not if its arguments are wrong: then it ends by itself.\n\
         on_crash = \"restart\"\n\
         on_reboot = \"restart\"\n\
         on_poweroff = \"destroy\"\n",
        settings = xl_settings(&XlGuest {
            name,
            kernel: image,
            line: &line.text(),
            memory: *memory,
            vif: &format!("bridge={bridge},mac={}", guest.mac()),
        })?,
    ))
}

#[cfg(test)]
mod tests {
    use super::{super::guest::tests::guest, *};

    #[test]
    fn the_file_says_what_xl_needs() {
        let guest = Guest {
            image: "/srv/it's/echo-xen".into(),
            bridge: "xenbr0".into(),
            ..guest(&["--mac=02:00:0a:00:00:02", "--greeting=good day"])
        };
        let file = file(&guest).unwrap();
        assert!(
            file.contains(
                "\nname = \"echo\"\n\
                 type = \"pvh\"\n\
                 kernel = \"/srv/it's/echo-xen\"\n\
                 cmdline = '--mac=02:00:0a:00:00:02 \"--greeting=good day\"'\n\
                 memory = 4\n\
                 vcpus = 1\n\
                 vif = [\"bridge=xenbr0,mac=02:00:0a:00:00:02\"]\n"
            ),
            "{file}"
        );
    }

    #[test]
    fn what_xl_cannot_read_is_refused() {
        let error = file(&guest(&["--greeting=it's a day"])).unwrap_err().to_string();
        assert!(error.contains("xl cannot read both kinds of quotes"), "{error}");
    }
}
