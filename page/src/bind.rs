//! The page of a program, if its arguments ask for one.

use rt::{Error, Runtime, Settings};
use tcp::{BindError, Tcp};

use crate::Board;

/// Makes the board of the program `name` and binds its page to the port that the arguments give (`--page-port`). Without
/// that argument there is no board, and nothing is bound or measured.
///
/// Call it when the services are bound, and give the board to a [`Watch`](crate::Watch) at the top of the tower:
///
/// ```
/// use layer::Layer;
/// use network::Network;
/// use page::Watch;
/// use rt::{Config, Error, Runtime};
/// use tcp::Tcp;
///
/// fn serve<R: Runtime, I>(rt: &mut R, config: &Config, mut tcp: Tcp<I>) -> Result<(), Error>
/// where
///     I: Network + Layer<Event = R::Event>,
/// {
///     let board = page::bind(rt, config, "hello", &mut tcp)?;
///     rt.serve(Watch::new(tcp, board)?, config)
/// }
/// ```
///
/// # Errors
/// A service is bound to the port, or the platform was built without its feature `page` (status 2); there is no memory for
/// the board, or the system refuses a timer.
pub fn bind<R: Runtime, I>(
    rt: &mut R,
    config: &Settings<'_>,
    name: &'static str,
    tcp: &mut Tcp<I>,
) -> Result<Option<&'static Board>, Error> {
    let Some(port) = config.tower.page_port else { return Ok(None) };
    let refused = |reason: &str| Error::new(2, format_args!("--page-port={port}: {reason}"));
    let insight = rt.insight()?.ok_or_else(|| {
        refused("the platform of this program was built without its feature `page`")
    })?;
    rt.milestone("page");
    let board = Board::new(name, insight, tcp.connections(), rt.memory())?;
    tcp.bind(port, async move |stream, region| {
        board.serve(stream, region).await;
        Ok(())
    })
    .map_err(|error| match error {
        BindError::InUse(_) => refused("a service is bound to it"),
        error => error.into(),
    })?;
    Ok(Some(board))
}
