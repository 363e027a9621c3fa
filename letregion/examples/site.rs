//! A service on TCP that has a page: `--page-port=9090` shows it from inside.

#![cfg_attr(not(test), no_std, no_main)]

use letregion::{
    Config, Error, Rt, Runtime as _,
    http::{self, Failure},
    layer, page,
};

letregion::main!(site);

fn site(rt: &mut Rt) -> Result<(), Error> {
    let config = Config::from_args(rt.args())?;
    let mut host = letregion::host_with_tcp(rt, &config)?;
    host.network_mut().bind(80, async |stream, region| {
        http::serve(stream, region, &http::Config::new(), async |request, response| {
            let length = request.parameter("length").unwrap_or("6").as_bytes();
            let length = layer::decimal(length, 1 << 20)
                .ok_or(Failure::Refused(400, "the length is no number up to 1048576: try 1000"))?;
            let body =
                request.region().alloc_slice_with(length as usize, |at| b"hello\n"[at % 6])?;
            response.header("Content-Type", "text/plain").send(&*body).await
        })
        .await;
        Ok(())
    })?;
    let board = page::bind(rt, &config, "site", host.network_mut())?;
    rt.serve(page::Watch::new(host, board)?, &config)
}
