//! Xenstore as a map from paths to values, with watches.

use std::collections::BTreeMap;

use rt_xen::{Errno, StoreError, Watch};

/// The directory that the guest's relative paths begin at.
pub const HOME: &str = "/local/domain/7";

#[derive(Default)]
pub struct Store {
    values: BTreeMap<String, Vec<u8>>,
    /// Path, and whether it has fired.
    watches: [Option<(String, bool)>; 4],
    /// What the guest's next requests are refused with: so many of them.
    refused: Option<(u32, StoreError)>,
    /// Everything that the guest wrote.
    pub written: Vec<(String, String)>,
}

fn absolute(path: &str) -> String {
    if path.starts_with('/') { path.into() } else { format!("{HOME}/{path}") }
}

impl Store {
    pub fn set(&mut self, path: &str, value: impl AsRef<[u8]>) {
        let path = absolute(path);
        self.values.insert(path.clone(), value.as_ref().to_vec());
        self.fire(&path);
    }

    pub fn get(&self, path: &str) -> Option<&[u8]> {
        self.values.get(&absolute(path)).map(Vec::as_slice)
    }

    pub fn text(&self, path: &str) -> String {
        String::from_utf8_lossy(self.get(path).unwrap_or_default()).into()
    }

    pub fn number(&self, path: &str) -> Option<u32> {
        self.text(path).parse().ok()
    }

    /// Removes a path and all below it.
    pub fn remove(&mut self, path: &str) {
        let path = absolute(path);
        let below = format!("{path}/");
        self.values.retain(|key, _| *key != path && !key.starts_with(&below));
        self.fire(&path);
    }

    /// Whether there is anything at or below a path.
    pub fn has(&self, path: &str) -> bool {
        let path = absolute(path);
        let below = format!("{path}/");
        self.values.keys().any(|key| *key == path || key.starts_with(&below))
    }

    pub fn refuse(&mut self, times: u32, error: StoreError) {
        self.refused = Some((times, error));
    }

    pub fn watches(&self) -> usize {
        self.watches.iter().flatten().count()
    }

    pub fn has_fired(&self) -> bool {
        self.watches.iter().flatten().any(|(_, fired)| *fired)
    }

    pub fn take_fired(&mut self) -> bool {
        self.watches.iter_mut().flatten().any(|(_, fired)| std::mem::take(fired))
    }

    fn fire(&mut self, path: &str) {
        for (watched, fired) in self.watches.iter_mut().flatten() {
            let below = |one: &str, other: &str| {
                one.strip_prefix(other).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            };
            // Also above: what is removed takes all below it away.
            *fired |= below(path, watched) || below(watched, path);
        }
    }

    fn check(&mut self) -> Result<(), StoreError> {
        match &mut self.refused {
            Some((0, _)) | None => Ok(()),
            Some((times, error)) => {
                *times -= 1;
                Err(*error)
            }
        }
    }

    pub fn read<'b>(&mut self, path: &str, buffer: &'b mut [u8]) -> Result<&'b [u8], StoreError> {
        self.check()?;
        let value = self.values.get(&absolute(path)).ok_or(StoreError::Refused(Errno::ENOENT))?;
        fill(value, buffer)
    }

    pub fn directory<'b>(
        &mut self,
        path: &str,
        buffer: &'b mut [u8],
    ) -> Result<&'b [u8], StoreError> {
        self.check()?;
        let below = format!("{}/", absolute(path));
        let mut names: Vec<&str> = self
            .values
            .keys()
            .filter_map(|key| key.strip_prefix(&below)?.split('/').next())
            .collect();
        names.dedup();
        if names.is_empty() {
            return Err(StoreError::Refused(Errno::ENOENT));
        }
        let names: String = names.iter().map(|name| format!("{name}\0")).collect();
        fill(names.as_bytes(), buffer)
    }

    pub fn guest_writes(&mut self, path: &str, value: &str) -> Result<(), StoreError> {
        self.check()?;
        self.written.push((path.into(), value.into()));
        self.set(path, value);
        Ok(())
    }

    pub fn watch(&mut self, path: &str) -> Result<Watch, StoreError> {
        self.check()?;
        let free = self.watches.iter().position(Option::is_none);
        let free = free.ok_or(StoreError::TooManyWatches)?;
        self.watches[free] = Some((absolute(path), true));
        Ok(Watch(free as u8))
    }

    pub fn unwatch(&mut self, path: &str, Watch(number): Watch) {
        let (watched, _) =
            self.watches[usize::from(number)].take().expect("a watch was ended twice");
        assert_eq!(watched, absolute(path), "the end of another watch");
    }

    pub fn fired(&mut self, Watch(number): &Watch) -> bool {
        let watch = self.watches[usize::from(*number)].as_mut().expect("a watch that was ended");
        std::mem::take(&mut watch.1)
    }
}

fn fill<'b>(value: &[u8], buffer: &'b mut [u8]) -> Result<&'b [u8], StoreError> {
    let room = buffer.get_mut(..value.len()).ok_or(StoreError::TooLong(value.len() as u32))?;
    room.copy_from_slice(value);
    Ok(room)
}
