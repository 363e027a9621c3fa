use rt_regions::Region;
use udp::Reply;

fn double<'r>(request: &[u8], region: &'r Region<'_>) -> Reply<'r> {
    let text = str::from_utf8(request)?;
    let number: u32 = text.parse()?;
    Ok(region.format(format_args!("{}", number * 2))?.as_bytes())
}

fn main() {
    let _ = double;
}
