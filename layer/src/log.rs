//! The log of a layer: lines through `defmt`, which each layer turns on or off at run time.

/// Logs a line if the switch, a `bool`, is on: `log!(self.log, "received {}", header)`.
///
/// In a crate whose feature `defmt` is off, it does nothing and evaluates only the switch. The arguments implement
/// `defmt::Format`.
#[macro_export]
macro_rules! log {
    ($on:expr, $format:literal $(, $argument:expr)* $(,)?) => {
        if $on {
            #[cfg(feature = "defmt")]
            defmt::info!($format $(, $argument)*);
            #[cfg(not(feature = "defmt"))]
            { $(let _ = &$argument;)* }
        }
    };
}
