//! The log of a service.

/// Logs a line of the service if the switch, a `bool`, is on: `log!(counters.log(), "{} is gone", key)`.
///
/// The arguments are anything that is [`Display`](core::fmt::Display). Without the feature `log` of this crate, the
/// macro does nothing and evaluates only the switch.
#[cfg(feature = "log")]
#[macro_export]
macro_rules! log {
    ($on:expr, $format:literal $(, $argument:expr)* $(,)?) => {
        if $on {
            // The code that `info!` writes names the crate so.
            use $crate::private::defmt;
            defmt::info!($format $(, defmt::Display2Format(&$argument))*);
        }
    };
}

/// Logs a line of the service if the switch, a `bool`, is on: `log!(counters.log(), "{} is gone", key)`.
///
/// The arguments are anything that is [`Display`](core::fmt::Display). Without the feature `log` of this crate, the
/// macro does nothing and evaluates only the switch.
#[cfg(not(feature = "log"))]
#[macro_export]
macro_rules! log {
    ($on:expr, $format:literal $(, $argument:expr)* $(,)?) => {
        if $on {
            $(let _ = &$argument;)*
        }
    };
}
