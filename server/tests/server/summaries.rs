//! Summaries: each is counted once, whatever happens, and what they add up to is looked at.

use crate::common::{Fleet, JSON, TODAY, batch, model, schema, summary};
use dunlin_protocol::summary::Baseline;
use dunlin_server::DAY;
use serde_json::{Value, json};

fn ready(configure: impl Fn(&mut dunlin_server::Config) + 'static) -> Fleet {
    let fleet = Fleet::with(configure);
    fleet.put_baseline(&model(), &Baseline::empty(schema()));
    fleet
}

/// How often each bin of a metric was told on a day.
fn counts(fleet: &Fleet, day: u32, metric: &str) -> Vec<u64> {
    let windows = fleet.get(&format!("/v1/models/{}/windows?days=30", model()), "publisher").expect(200).json();
    let windows = windows["windows"].as_array().expect("windows").clone();
    let found = windows.iter().find(|window| window["day"] == day && window["metric"] == metric);
    found.map_or_else(Vec::new, |window| {
        window["counts"].as_array().expect("counts").iter().filter_map(Value::as_u64).collect()
    })
}

#[test]
fn a_summary_is_counted_once_however_often_it_comes() {
    let mut fleet = ready(|_| {});
    let summaries: Vec<Value> =
        (0..100).map(|number| summary(number, TODAY, json!({ "class": number % 2, "agreement": 0 }))).collect();
    for round in 0..3 {
        let receipt = fleet.post("/v1/summaries", "device", &batch(&summaries)).expect(200).json();
        let expected = if round == 0 { (100, 0) } else { (0, 100) };
        assert_eq!(
            (receipt["accepted"].as_u64(), receipt["repeated"].as_u64()),
            (Some(expected.0), Some(expected.1)),
            "{receipt}"
        );
        assert_eq!(counts(&fleet, TODAY, "class"), [50, 50]);
        fleet.restart();
    }
    let twice = batch(&[
        summary(1000, TODAY, json!({ "class": 0, "agreement": 0 })),
        summary(1000, TODAY, json!({ "class": 1, "agreement": 0 })),
    ]);
    let receipt = fleet.post("/v1/summaries", "device", &twice).expect(200).json();
    assert_eq!((receipt["accepted"].as_u64(), receipt["repeated"].as_u64()), (Some(1), Some(1)));
    assert_eq!(counts(&fleet, TODAY, "class"), [51, 50]);
}

#[test]
fn what_cannot_be_counted_is_refused_with_its_place_and_name_and_the_rest_is_counted() {
    let fleet = ready(|config| config.retain_days = 30);
    let good = |number| summary(number, TODAY, json!({ "class": 1 }));
    let with = |number, name: &str, value: Value| {
        let mut summary = good(number);
        summary[name] = value;
        summary
    };
    let sent = [
        good(1),
        with(2, "day", json!(TODAY + 2)),
        with(3, "day", json!(TODAY - 31)),
        with(4, "day", json!(TODAY + 1)),
        with(5, "model", json!("00".repeat(32))),
        with(6, "bins", json!({ "class": 2 })),
        with(7, "bins", json!({ "brightness": 0 })),
        with(8, "text", json!("a message")),
        with(9, "epsilon", json!(0)),
        with(10, "version", json!(2)),
        with(11, "id", json!("1")),
        good(12),
    ];
    let receipt = fleet.post("/v1/summaries", "device", &batch(&sent)).expect(200).json();
    assert_eq!(receipt["accepted"], 3, "{receipt}");
    let refused: Vec<(u64, &str)> = receipt["refused"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|refusal| (refusal["index"].as_u64().expect("a place"), refusal["code"].as_str().expect("a name")))
        .collect();
    let expected = [
        (1, "day"),
        (2, "day"),
        (4, "model"),
        (5, "bin"),
        (6, "metric"),
        (7, "malformed"),
        (8, "epsilon"),
        (9, "version"),
        (10, "id"),
    ];
    assert_eq!(refused, expected);
    for (body, code) in [(json!({ "summaries": [] }), "bad_request"), (batch(&vec![good(1); 101]), "bad_request")] {
        assert_eq!(fleet.post("/v1/summaries", "device", &body).expect(400).code(), code);
    }
}

#[test]
fn a_device_that_makes_cohorts_up_cannot_fill_the_disk() {
    let fleet = ready(|_| {});
    let (mut accepted, mut refused) = (0, 0);
    for first in (0..600).step_by(100) {
        let summaries: Vec<Value> = (first..first + 100)
            .map(|number| {
                let mut summary = summary(number, TODAY, json!({ "class": 0 }));
                summary["cohort"] = json!({ "locale": format!("x{number}") });
                summary
            })
            .collect();
        let receipt = fleet.post("/v1/summaries", "device", &batch(&summaries)).expect(200).json();
        accepted += receipt["accepted"].as_u64().expect("a number");
        refused +=
            receipt["refused"].as_array().expect("a list").iter().filter(|refusal| refusal["code"] == "cohort").count();
    }
    assert_eq!((accepted, refused), (512, 88));
    // A cohort that is known already has room.
    let mut known = summary(5000, TODAY, json!({ "class": 0 }));
    known["cohort"] = json!({ "locale": "x3" });
    assert_eq!(fleet.post("/v1/summaries", "device", &batch(&[known])).expect(200).json()["accepted"], 1);
}

/// The numbers in the ids of all summaries in segments, in order.
fn in_segments(fleet: &Fleet) -> Vec<u64> {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::RowAccessor;
    let mut numbers = Vec::new();
    for file in std::fs::read_dir(fleet.data().join("segments")).expect("readable") {
        let file = std::fs::File::open(file.expect("a file").path()).expect("readable");
        let reader = SerializedFileReader::new(file).expect("a parquet file");
        for row in reader.get_row_iter(None).expect("rows") {
            let id = row.expect("a row").get_string(0).expect("an id").clone();
            numbers.push(u64::from_str_radix(id.rsplit('-').next().expect("the last part"), 16).expect("digits"));
        }
    }
    numbers.sort_unstable();
    numbers
}

#[test]
fn each_summary_is_in_one_segment_once_enough_wait_or_they_have_waited_for_long() {
    let mut fleet = ready(|config| config.segment_rows = 40);
    let send = |fleet: &Fleet, numbers: std::ops::Range<u64>| {
        let summaries: Vec<Value> = numbers.map(|number| summary(number, TODAY, json!({ "class": 0 }))).collect();
        fleet.post("/v1/summaries", "device", &batch(&summaries)).expect(200);
    };
    send(&fleet, 0..100);
    fleet.pass(1000);
    assert_eq!(in_segments(&fleet), (0..80).collect::<Vec<_>>());
    fleet.restart();
    send(&fleet, 90..110);
    fleet.pass(1000);
    assert_eq!(in_segments(&fleet), (0..80).collect::<Vec<_>>());
    fleet.pass(3_700_000);
    assert_eq!(in_segments(&fleet), (0..110).collect::<Vec<_>>());
}

#[test]
fn days_that_are_too_old_are_forgotten_and_not_taken_again() {
    let fleet = ready(|config| config.retain_days = 10);
    let old = batch(&[summary(1, TODAY - 9, json!({ "class": 0 }))]);
    fleet.post("/v1/summaries", "device", &old).expect(200);
    fleet.pass(1000);
    assert_eq!(counts(&fleet, TODAY - 9, "class"), [1, 0]);
    fleet.pass(2 * DAY);
    assert_eq!(counts(&fleet, TODAY - 9, "class"), [0; 0]);
    let receipt = fleet.post("/v1/summaries", "device", &old).expect(200).json();
    assert_eq!(receipt["refused"][0]["code"], "day");
}

/// So many devices of a day, a share of which say class 1.
fn day(fleet: &Fleet, day: u32, devices: u64, spam: impl Fn(u64) -> bool) {
    let numbers: Vec<u64> = (0..devices).collect();
    for chunk in numbers.chunks(100) {
        let one =
            |&number: &u64| summary(u64::from(day) << 20 | number, day, json!({ "class": u64::from(spam(number)) }));
        let summaries: Vec<Value> = chunk.iter().map(one).collect();
        fleet.post("/v1/summaries", "device", &batch(&summaries)).expect(200);
    }
}

#[test]
fn drift_is_told_after_its_second_window_and_an_ordinary_week_tells_nothing() {
    let fleet = ready(|_| {});
    let labels = json!({ "labels": ["ham", "spam"] }).to_string();
    fleet.send("PUT", &format!("/v1/models/{}/labels", model()), "publisher", JSON, labels.as_bytes()).expect(200);
    for ago in (3..=9).rev() {
        day(&fleet, TODAY - ago, 400, |number| number % 10 == 0);
    }
    fleet.pass(20_000);
    let alerts = |fleet: &Fleet| {
        fleet.get("/v1/alerts", "reviewer").expect(200).json()["alerts"].as_array().expect("a list").clone()
    };
    assert_eq!(alerts(&fleet), [] as [Value; 0]);
    day(&fleet, TODAY - 2, 400, |number| number % 10 < 4);
    fleet.pass(20_000);
    assert_eq!(alerts(&fleet), [] as [Value; 0], "one window may be anything");
    day(&fleet, TODAY - 1, 400, |number| number % 10 < 4);
    fleet.pass(20_000);
    let found = alerts(&fleet);
    // Of everyone, and of the one cohort that everyone is in.
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found.iter().all(|alert| alert["metric"] == "class" && alert["day"] == TODAY - 1 && alert["model"] == model()),
        "{found:?}"
    );
    assert!(found.iter().any(|alert| alert["cohort"] == json!({ "locale": "de" })));
    assert!(found.iter().all(|alert| alert["labels"] == json!(["ham", "spam"])), "{found:?}");
    let moved = found[0]["moved"].as_f64().expect("a number");
    assert!((0.2..0.4).contains(&moved), "{moved}");
    // Looked at again, the same is told once.
    day(&fleet, TODAY - 1, 401, |_| true);
    fleet.pass(20_000);
    assert_eq!(alerts(&fleet).len(), 2);
    let fleet_view = fleet.get("/v1/fleet", "reviewer").expect(200).json();
    assert_eq!(
        (fleet_view["alerts"].as_u64(), fleet_view["models"][0]["days"].as_array().map(Vec::len)),
        (Some(2), Some(9))
    );
}

#[test]
fn a_baseline_is_checked_and_comes_back() {
    let fleet = ready(|_| {});
    let path = format!("/v1/models/{}/baseline", model());
    assert_eq!(fleet.send("PUT", &path, "publisher", JSON, b"{}").expect(400).code(), "bad_request");
    let read = fleet.get(&path, "reviewer").expect(200);
    assert_eq!(Baseline::parse(&read.body).expect("a baseline"), Baseline::empty(schema()));
}

#[test]
fn classes_are_called_as_the_publisher_says_wherever_people_read_of_them() {
    let mut fleet = ready(|_| {});
    let path = format!("/v1/models/{}/labels", model());
    let put = |fleet: &Fleet, labels: Value| {
        fleet.send("PUT", &path, "publisher", JSON, json!({ "labels": labels }).to_string().as_bytes())
    };
    assert_eq!(fleet.get(&path, "reviewer").expect(404).code(), "not_found");
    for wrong in [
        json!([]),
        json!(["one"]),
        json!(["ham", ""]),
        json!(["ham", "x".repeat(257)]),
        json!(["ham", "a\nb"]),
        json!(["ham", 1]),
        json!("ham"),
    ] {
        assert_eq!(put(&fleet, wrong.clone()).expect(400).code(), "bad_request", "{wrong}");
    }
    put(&fleet, json!(["ham", "spam"])).expect(200);
    day(&fleet, TODAY - 1, 100, |number| number % 10 == 0);
    fleet.restart();
    assert_eq!(fleet.get(&path, "reviewer").expect(200).json(), json!({ "labels": ["ham", "spam"] }));
    let names = |path: &str| fleet.get(path, "reviewer").expect(200).json();
    let drift = names(&format!("/v1/models/{}/drift?metric=class", model()));
    assert_eq!(drift["labels"], json!(["ham", "spam"]));
    let windows = names(&format!("/v1/models/{}/windows", model()));
    let of = |metric: &str| {
        let windows = windows["windows"].as_array().expect("windows");
        windows.iter().find(|window| window["metric"] == metric).map(|window| window["labels"].clone())
    };
    assert_eq!(of("class"), Some(json!(["ham", "spam"])));
}
