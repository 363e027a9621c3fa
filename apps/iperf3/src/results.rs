//! What both ends say at the end of a test: how much each stream has carried.

use core::{fmt, time::Duration};

use crate::json;

/// The largest number of bytes of a stream that is read: 1 PB, beyond which iperf3 writes an exponent.
const MOST_BYTES: u64 = 1_000_000_000_000_000;

/// What one stream has carried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct StreamResult {
    /// What both ends call it.
    pub(crate) id: u64,
    pub(crate) bytes: u64,
    /// How many segments were sent again, if this end sent.
    pub(crate) retransmits: Option<u64>,
    /// From the start of the test to the end, or to the last byte that was received.
    pub(crate) time: Duration,
}

/// The name of the stream that was made as this one, counted from 0: 1, 3, 4, 5, ..., as iperf3 counts.
pub(crate) fn id(index: usize) -> u64 {
    index as u64 + if index == 0 { 1 } else { 2 }
}

/// Our results, as JSON.
pub(crate) struct Results<I> {
    /// Whether this end has sent.
    pub(crate) sends: bool,
    /// The algorithm of the congestion window.
    pub(crate) congestion: &'static str,
    pub(crate) streams: I,
}

impl<I: Iterator<Item = StreamResult> + Clone> fmt::Display for Results<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // There is no processor whose load could be told.
        f.write_str(r#"{"cpu_util_total":0,"cpu_util_user":0,"cpu_util_system":0"#)?;
        let has_retransmits = if self.sends { "1" } else { "-1" };
        write!(f, r#","sender_has_retransmits":{has_retransmits}"#)?;
        write!(f, r#","congestion_used":"{}","streams":["#, self.congestion)?;
        for (at, StreamResult { id, bytes, retransmits, time }) in self.streams.clone().enumerate()
        {
            f.write_str(if at > 0 { "," } else { "" })?;
            write!(f, r#"{{"id":{id},"bytes":{bytes},"retransmits":"#)?;
            match retransmits {
                Some(count) => write!(f, "{count}")?,
                None => f.write_str("-1")?,
            }
            f.write_str(r#","jitter":0,"errors":0,"omitted_errors":0,"packets":0"#)?;
            f.write_str(r#","omitted_packets":0,"start_time":0,"end_time":"#)?;
            write!(f, "{}.{:06}}}", time.as_secs(), time.subsec_micros())?;
        }
        f.write_str("]}")
    }
}

/// Shows `each` the name of each stream in the results of a client, and how many bytes that has sent or received. `None`
/// if they are not the results of iperf3.
pub(crate) fn read(text: &[u8], mut each: impl FnMut(u64, u64)) -> Option<()> {
    let (mut streams, mut is_sound) = (None, true);
    json::members(text, |name, value| {
        if name == b"streams" {
            streams = Some(value);
        }
    })?;
    json::elements(streams?, |stream| {
        let (mut id, mut bytes) = (None, None);
        let whole = json::members(stream, |name, value| match name {
            b"id" => id = layer::decimal(value, u64::MAX),
            b"bytes" => bytes = layer::decimal(value, MOST_BYTES),
            _ => {}
        });
        match (whole, id, bytes) {
            (Some(()), Some(id), Some(bytes)) => each(id, bytes),
            _ => is_sound = false,
        }
    })?;
    is_sound.then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECEIVED: StreamResult = StreamResult {
        id: 1,
        bytes: 70,
        retransmits: None,
        time: Duration::from_micros(2_000_300),
    };
    const SENT: StreamResult = StreamResult { id: 3, bytes: 5, retransmits: Some(2), ..RECEIVED };

    #[test]
    fn results_are_json_of_which_a_client_reads_each_number() {
        let results = |sends, streams: &'static [StreamResult]| {
            Results { sends, congestion: "cubic", streams: streams.iter().copied() }.to_string()
        };
        let expected = concat!(
            r#"{"cpu_util_total":0,"cpu_util_user":0,"cpu_util_system":0,"#,
            r#""sender_has_retransmits":1,"congestion_used":"cubic","streams":["#,
            r#"{"id":1,"bytes":70,"retransmits":-1,"jitter":0,"errors":0,"omitted_errors":0,"#,
            r#""packets":0,"omitted_packets":0,"start_time":0,"end_time":2.000300},"#,
            r#"{"id":3,"bytes":5,"retransmits":2,"jitter":0,"errors":0,"omitted_errors":0,"#,
            r#""packets":0,"omitted_packets":0,"start_time":0,"end_time":2.000300}]}"#,
        );
        let text = results(true, &[RECEIVED, SENT]);
        assert_eq!(text, expected);
        let mut found = Vec::new();
        read(text.as_bytes(), |id, bytes| found.push((id, bytes))).unwrap();
        assert_eq!(found, [(1, 70), (3, 5)]);
        assert!(
            results(false, &[]).ends_with(
                r#""sender_has_retransmits":-1,"congestion_used":"cubic","streams":[]}"#
            )
        );
    }

    #[test]
    fn what_a_client_makes_up_is_none() {
        for text in [
            "",
            "{}",
            r#"{"streams":1}"#,
            r#"{"streams":[1]}"#,
            r#"{"streams":[{"id":1}]}"#,
            r#"{"streams":[{"bytes":1}]}"#,
            r#"{"streams":[{"id":-1,"bytes":1}]}"#,
            r#"{"streams":[{"id":1,"bytes":1e+15}]}"#,
            r#"{"streams":[{"id":1,"bytes":1}"#,
        ] {
            assert_eq!(read(text.as_bytes(), |_, _| {}), None, "{text}");
        }
    }

    #[test]
    fn streams_are_called_as_iperf3_calls_them() {
        assert_eq!([0, 1, 2, 3].map(id), [1, 3, 4, 5]);
    }
}
