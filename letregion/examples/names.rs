//! A service on HTTP that asks others: `GET /?name=www.example.org` says the addresses of a name, and `Date` is by servers of the
//! time. With `--dns=192.0.2.1 --ntp=192.0.2.1` it asks these.

#![cfg_attr(not(test), no_std, no_main)]

use letregion::{
    Config, Error, Rt, Runtime as _,
    http::{self, Failure},
};

letregion::main!(names);

fn names(rt: &mut Rt) -> Result<(), Error> {
    let config = Config::from_args(rt.args())?;
    let (mut host, net) = letregion::host_with_net(rt, &config)?;
    let memory = rt.memory();
    let clock = memory.alloc(http::Clock::new(memory.alloc(move || net.wall_time())?))?;
    let settings = &*memory.alloc(http::Config::new().with_clock(clock))?;
    host.network_mut().bind(80, async move |stream, region| {
        http::serve(stream, region, settings, async |request, response| {
            let name = request.parameter("name");
            let name = name.ok_or(Failure::Refused(400, "no name: try ?name=www.example.org"))?;
            let (status, text) = match net.resolve(name).await {
                Ok(addresses) => (200, request.region().format(format_args!("{addresses}\n"))?),
                Err(error) => (502, request.region().format(format_args!("{error}\n"))?),
            };
            let response = response.status(status).header("Content-Type", "text/plain");
            response.send(text.as_bytes()).await
        })
        .await;
        Ok(())
    })?;
    rt.serve(host, &config)
}
