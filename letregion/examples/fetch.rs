//! A service on HTTP that asks another one: `GET /?name=www.example.org` is the page of that host, found by its name, over IPv4 or
//! IPv6, whichever answers first. With `--dns=192.0.2.1` it asks this server of names.

#![cfg_attr(not(test), no_std, no_main)]

use letregion::{
    Config, Error, Rt, Runtime as _,
    http::{self, Client, Failure, Limits},
};

/// The longest page, in bytes.
const LONGEST: usize = 100_000;

letregion::main!(fetch);

fn fetch(rt: &mut Rt) -> Result<(), Error> {
    let config = Config::from_args(rt.args())?;
    let (mut host, net) = letregion::host_with_net(rt, &config)?;
    let settings = &*rt.memory().alloc(http::Config::new())?;
    host.network_mut().bind(80, async move |stream, region| {
        http::serve(stream, region, settings, async |request, response| {
            let name = request.parameter("name");
            let name = name.ok_or(Failure::Refused(400, "no name: try ?name=www.example.org"))?;
            let region = request.region();
            let server = match net.connect(name, 80).await {
                Ok(server) => server,
                Err(error) => {
                    let text = region.format(format_args!("{error}\n"))?;
                    return response.status(502).send(text.as_bytes()).await;
                }
            };
            let limits = Limits::new();
            let mut client = Client::new(&server, name, &limits);
            let page = client.get("/", region).await?.read_all(LONGEST).await?;
            response.header("Content-Type", "text/html").send(page).await
        })
        .await;
        Ok(())
    })?;
    rt.serve(host, &config)
}
