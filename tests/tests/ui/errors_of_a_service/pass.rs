use rt_regions::{Pool, Region};
use udp::{Failure, IntoFailure, Reply};

struct NotText;

impl<'r> IntoFailure<'r> for NotText {
    fn into_failure(self) -> Failure<'r> {
        Failure::Refused("expected text")
    }
}

fn double<'r>(request: &[u8], region: &'r Region<'_>) -> Reply<'r> {
    let text = str::from_utf8(request).map_err(|_| NotText)?;
    let number: u32 = text.parse().map_err(|_| Failure::Refused("expected a number"))?;
    Ok(region.format(format_args!("{}", number * 2))?.as_bytes())
}

fn main() {
    let mut memory = vec![std::mem::MaybeUninit::uninit(); 64 << 10];
    let pool = Pool::new(&mut memory);
    let region = Region::new(&pool, "packet");
    assert_eq!(double(b"21", &region), Ok(&b"42"[..]));
    assert_eq!(double(b"x", &region), Err(Failure::Refused("expected a number")));
    assert_eq!(double(b"\xff", &region), Err(Failure::Refused("expected text")));
}
