//! The service on one host and a client on another one, in memory and in virtual time.

mod net;

use std::time::Duration;

use tasks::TaskError;
use tcp::StreamError;

use net::{Client, Net, Test};

use crate::{
    message::{
        ACCESS_DENIED, CLIENT_TERMINATE, CREATE_STREAMS, DISPLAY_RESULTS, EXCHANGE_RESULTS,
        PARAM_EXCHANGE, Refusal, TEST_END, TEST_RUNNING, TEST_START,
    },
    parameters::Parameters,
    results,
};

/// How many bytes a test carries.
const BYTES: u64 = 3_000_001;

/// Runs a whole test: each stream carries its share of [`BYTES`], and the results say so.
async fn run(
    client: Client,
    parameters: &str,
    streams: usize,
    uploads: usize,
) -> Result<String, TaskError> {
    let mut test = Test::begin(&client, b'a').await?;
    test.agree(parameters).await?;
    let mut carriers = Vec::new();
    for _ in 0..streams {
        carriers.push(test.open_stream().await?);
    }
    assert_eq!(test.hear().await?, TEST_START);
    assert_eq!(test.hear().await?, TEST_RUNNING);
    let mut theirs = Vec::new();
    let share = BYTES / uploads.max(1) as u64;
    for carrier in &carriers[..uploads] {
        carrier.send(&*vec![7; share as usize]).await?;
        theirs.push(share);
    }
    let mut left = if uploads < streams { BYTES } else { 0 };
    for carrier in carriers[uploads..].iter().cycle() {
        if left == 0 {
            break;
        }
        let mut bytes = [0; 1000];
        carrier.set_deadline(Some(carrier.now() + Duration::from_millis(10)));
        match carrier.read(&mut bytes).await {
            Ok(count) => left -= count as u64,
            Err(StreamError::TimedOut) => {}
            Err(error) => return Err(error.into()),
        }
    }
    theirs.resize(streams, 0);
    // What is sent is still on its way, and the results come as soon as it is there.
    let end = client.tasks().now();
    test.say(&[TEST_END]).await?;
    assert_eq!(test.hear().await?, EXCHANGE_RESULTS);
    test.say_results(&theirs).await?;
    let ours = test.hear_text().await?;
    assert_eq!(test.hear().await?, DISPLAY_RESULTS);
    assert!(client.tasks().now().since(end) < Duration::from_secs(3));
    for carrier in &carriers[uploads..] {
        // The client waits for the end before anything else.
        assert_eq!(carrier.read(&mut [0; 1]).await?, 0);
    }
    test.say(&[16]).await?;
    Ok(ours)
}

/// The bytes of each stream, in our results.
fn bytes(text: &str) -> Vec<u64> {
    let mut found = Vec::new();
    results::read(text.as_bytes(), |_, bytes| found.push(bytes)).unwrap();
    found
}

#[test]
fn what_is_sent_either_way_is_what_was_received() {
    let mut net = Net::new();
    for (parameters, streams, uploads) in [
        (r#"{"tcp":true,"time":1}"#, 1, 1),
        (r#"{"tcp":true,"time":1,"parallel":4,"nodelay":true}"#, 4, 4),
        (r#"{"tcp":true,"num":3000001,"reverse":true}"#, 1, 0),
        (r#"{"tcp":true,"num":3000001,"reverse":true,"parallel":4,"len":999}"#, 4, 0),
        (r#"{"tcp":true,"num":3000001,"bidirectional":true,"congestion":"reno"}"#, 2, 1),
    ] {
        let results = net.talk(async move |client| run(client, parameters, streams, uploads).await);
        let results = results.unwrap();
        let bytes = bytes(&results);
        assert_eq!(bytes.len(), streams, "{results}");
        let share = BYTES / uploads.max(1) as u64;
        assert!(bytes[..uploads].iter().all(|bytes| *bytes == share), "{results}");
        if uploads < streams {
            assert_eq!(bytes[uploads..].iter().sum::<u64>(), BYTES, "{results}");
        }
        let sends = uploads < streams;
        assert_eq!(results.contains(r#""sender_has_retransmits":1"#), sends, "{results}");
        assert_eq!(results.contains(r#""retransmits":0"#), sends, "{results}");
        assert_eq!(results.contains(r#""congestion_used":"reno""#), parameters.contains("reno"));
        net.assert_clean();
    }
}

/// What is lost is sent again, which the results say, and results wait for what is late.
#[test]
fn what_is_lost_is_not_lost_from_the_results() {
    let mut net = Net::losing(0.02);
    for (parameters, uploads) in
        [(r#"{"tcp":true,"time":1}"#, 1), (r#"{"tcp":true,"num":3000001,"reverse":true}"#, 0)]
    {
        let results = net.talk(async move |client| run(client, parameters, 1, uploads).await);
        let results = results.unwrap();
        assert_eq!(bytes(&results), [BYTES], "{results}");
        let (_, rest) = results.split_once(r#""retransmits":"#).unwrap();
        let retransmits: i64 = rest.split(',').next().unwrap().parse().unwrap();
        // Of some 2,100 segments.
        assert!(if uploads > 0 { retransmits == -1 } else { (10..200).contains(&retransmits) });
        net.assert_clean();
    }
}

#[test]
fn one_client_at_a_time() {
    let mut net = Net::new();
    let heard = net.talk(async |client| {
        let mut first = Test::begin(&client, b'a').await?;
        first.agree(r#"{"tcp":true}"#).await?;
        let mut second = Test::begin_unasked(&client, b'b').await?;
        let denied = second.hear().await?;
        // It changes nothing for the first one.
        let _stream = first.open_stream().await?;
        assert_eq!(first.hear().await?, TEST_START);
        // No stream is missing any more.
        let mut late = Test::begin_unasked(&client, b'a').await?;
        let late = late.hear().await?;
        assert_eq!(first.hear().await?, TEST_RUNNING);
        first.say(&[CLIENT_TERMINATE]).await?;
        first.ends().await;
        let mut third = Test::begin(&client, b'c').await?;
        third.agree(r#"{"tcp":true}"#).await?;
        let _stream = third.open_stream().await?;
        assert_eq!([third.hear().await?, third.hear().await?], [TEST_START, TEST_RUNNING]);
        third.say(&[TEST_END]).await?;
        assert_eq!(third.hear().await?, EXCHANGE_RESULTS);
        third.say_results(&[0]).await?;
        third.hear_text().await?;
        // Whoever has results keeps nobody waiting.
        Test::begin(&client, b'd').await?;
        assert_eq!(third.hear().await?, DISPLAY_RESULTS);
        Ok([denied, late])
    });
    assert_eq!(heard.unwrap(), [ACCESS_DENIED; 2]);
    net.assert_clean();
}

#[test]
fn what_is_not_supported_is_said() {
    let mut net = Net::new();
    for (parameters, refusal) in [
        (r#"{"udp":true}"#, Refusal::PROTOCOL),
        (r#"{"tcp":true,"window":1000}"#, Refusal::OPTION),
        ("{", Refusal::PARAMETERS),
        ("", Refusal::PARAMETERS),
    ] {
        let heard = net.talk(async move |client| {
            let mut test = Test::begin(&client, b'a').await?;
            test.say_text(parameters.as_bytes()).await?;
            test.hear_all().await
        });
        assert_eq!(heard.unwrap(), refusal.bytes(), "{parameters}");
        net.assert_clean();
    }
}

/// Whatever a client sends is read, or not.
#[test]
fn no_text_is_too_bad_to_be_looked_at() {
    const TEXTS: [&str; 2] = [
        r#"{"tcp":true,"omit":0,"time":10,"title":"a\"\\","parallel":2,"reverse":true,"len":131072}"#,
        r#"{"cpu_util_total":1.5,"streams":[{"id":1,"bytes":70},{"id":3,"bytes":5}],"a":[[]]}"#,
    ];
    let mut random = testkit::Random::new(1);
    let mut read = [0; 2];
    for round in 0..200_000 {
        let mut text = TEXTS[round % 2].as_bytes().to_vec();
        for _ in 0..=random.below(3) {
            let at = random.below(text.len());
            match random.below(3) {
                0 => text[at] = b"{}[],:\"\\01 e"[random.below(12)],
                1 => drop(text.remove(at)),
                _ => text.insert(at, text[random.below(text.len())]),
            }
        }
        read[0] += usize::from(Parameters::read(&text).is_ok());
        read[1] += usize::from(results::read(&text, |_, _| {}).is_some());
    }
    assert!(read.iter().all(|read| (1_000..99_000).contains(read)), "{read:?}");
}

/// Each message may be nonsense: the client is told what is wrong, and the next one is served.
#[test]
fn nonsense_ends_the_connection_and_nothing_else() {
    let mut net = Net::new();
    let heard = net.talk(async |client| {
        let mut test = Test::begin(&client, b'a').await?;
        test.say(&u32::MAX.to_be_bytes()).await?;
        test.hear_all().await
    });
    assert_eq!(heard.unwrap(), Refusal::PARAMETERS.bytes());
    for (said, refusal) in [
        (&[TEST_START][..], Refusal::MESSAGE),
        (&[200], Refusal::MESSAGE),
        (&[TEST_END, 0xff, 0, 0, 0], Refusal::RESULTS),
        (&[TEST_END, 0, 0, 0, 2, b'{', b'}'], Refusal::RESULTS),
        (&[TEST_END, 0, 1, 0, 1], Refusal::RESULTS),
    ] {
        let heard = net.talk(async move |client| {
            let mut test = Test::begin(&client, b'a').await?;
            test.agree(r#"{"tcp":true}"#).await?;
            let _stream = test.open_stream().await?;
            assert_eq!([test.hear().await?, test.hear().await?], [TEST_START, TEST_RUNNING]);
            test.say(said).await?;
            test.hear_all().await
        });
        let heard = heard.unwrap();
        assert!(heard.ends_with(&refusal.bytes()), "{said:?}: {heard:?}");
        net.assert_clean();
    }
}

#[test]
fn who_says_nothing_keeps_nobody_waiting_for_ever() {
    let mut net = Net::new();
    // Before its cookie, before its parameters, before its streams, before its bytes, and while it sends for ever.
    for (said, seconds) in [(0, 10), (1, 10), (2, 10), (3, 120), (4, 45)] {
        let waited = net.talk(async move |client| {
            let start = client.tasks().now();
            let mut test = Test::connect(&client).await?;
            if said > 0 {
                test.introduce(b'a').await?;
                assert_eq!(test.hear().await?, PARAM_EXCHANGE);
            }
            if said > 1 {
                let parameters =
                    if said == 4 { r#"{"tcp":true,"time":5}"# } else { r#"{"tcp":true}"# };
                test.say_text(parameters.as_bytes()).await?;
                assert_eq!(test.hear().await?, CREATE_STREAMS);
            }
            let stream = if said > 2 { Some(test.open_stream().await?) } else { None };
            if let (4, Some(stream)) = (said, &stream) {
                for _ in 0..44 {
                    stream.send(&[1][..]).await?;
                    stream.sleep(Duration::from_secs(1)).await;
                }
            }
            test.ends().await;
            Ok(client.tasks().now().since(start).as_secs())
        });
        let waited = waited.unwrap();
        assert!((seconds..seconds + 2).contains(&waited), "{said}: {waited} s");
        net.assert_clean();
    }
}

#[test]
fn a_client_that_is_gone_is_no_loss() {
    let mut net = Net::new();
    let gone = net.talk(async |client| {
        let mut test = Test::begin(&client, b'a').await?;
        test.agree(r#"{"tcp":true,"reverse":true,"parallel":3}"#).await?;
        let streams = [test.open_stream().await?, test.open_stream().await?];
        streams[0].abort();
        test.abort();
        Ok(())
    });
    gone.unwrap();
    net.assert_clean();
}
