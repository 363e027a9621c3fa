#![doc = include_str!("../README.md")]
#![cfg_attr(not(test), no_std, no_main)]
#![forbid(unsafe_code)]

use letregion::{
    Config, Error, Rt, Runtime as _, rt_regions::Region, tasks::TaskError, tcp::Stream,
};
use transfer::{Content, Digest, REQUEST_LEN, Request, SINK, SOURCE};

letregion::main!(transfer_service);

/// How many bytes of content are made at once.
const PIECE: usize = 16 << 10;

fn transfer_service(rt: &mut Rt) -> Result<(), Error> {
    let config = Config::from_args(rt.args())?;
    let mut host = letregion::host_with_tcp(rt, &config)?;
    host.network_mut().bind(SINK, sink)?;
    host.network_mut().bind(SOURCE, source)?;
    rt.serve(host, &config)
}

/// Takes what comes, and says what it was.
async fn sink(stream: &Stream, _region: &Region<'static>) -> Result<(), TaskError> {
    let mut digest = Digest::new();
    let all = stream.receive(|bytes| {
        digest.add(bytes);
        (bytes.len(), None::<()>)
    });
    all.await?;
    stream.send(&digest.receipt().bytes()).await?;
    Ok(())
}

/// Sends what is asked for.
async fn source(stream: &Stream, region: &Region<'static>) -> Result<(), TaskError> {
    let mut request = [0; REQUEST_LEN];
    stream.read_exact(&mut request).await?;
    let Some(Request { length, seed }) = Request::read(&request) else { return Ok(()) };
    let piece = region.alloc_slice_with(PIECE, |_| 0)?;
    let (mut content, mut left) = (Content::new(seed), length);
    while left > 0 {
        let size = piece.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        content.fill(&mut piece[..size]);
        stream.send(&piece[..size]).await?;
        left -= size as u64;
    }
    Ok(())
}
