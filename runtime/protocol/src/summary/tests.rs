use alloc::borrow::ToOwned as _;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec;
use alloc::vec::Vec;

use super::*;

fn cohort(pairs: &[(&str, &str)]) -> Cohort {
    Cohort::new(pairs.iter().map(|&(key, value)| (key.to_owned(), value.to_owned()))).expect("sound")
}

fn schema() -> Schema {
    Schema::new(2, Input::Text, vec![-6.0, -5.0, -4.0, -3.0, -2.0, -1.0, 0.5]).expect("sound")
}

fn summary() -> Summary {
    let bins = BTreeMap::from([(Metric::Class, 1), (Metric::Confidence, 7)]);
    let id = Uuid::random([0xab; 16]);
    Summary::new(id, Hash([0x5c; 32]), 20_783, cohort(&[("locale", "de")]), 2.0, bins).expect("sound")
}

fn observation() -> Observation {
    Observation {
        class: 1,
        probability: 0.97,
        margin: 0.94,
        energy: Some(-3.5),
        latency: 40,
        reason: Some(Reason::Evasion),
        unknown: Some(0.0),
        length: Some(90),
        brightness: None,
    }
}

#[test]
fn a_summary_is_read_as_it_was_written() {
    let model = "5c".repeat(32);
    let json = format!(
        "{{\"version\":1,\"id\":\"abababab-abab-4bab-abab-abababababab\",\"model\":\"{model}\",\"day\":20783,\"cohort\":{{\"locale\":\"de\"}},\"epsilon\":2.0,\"bins\":{{\"class\":1,\"confidence\":7}}}}"
    );
    assert_eq!(summary().json(), json);
    let read = Summary::parse(json.as_bytes()).expect("sound");
    assert_eq!(read, summary());
    assert_eq!(read.fits(&schema()), Ok(()));
    assert_eq!((read.epsilon_of_each(), read.day()), (1.0, 20_783));
}

#[test]
fn refuses_summaries_that_are_wrong() {
    let json = summary().json();
    let cases: &[(&str, &str, SummaryError)] = &[
        ("\"version\":1", "\"version\":2", SummaryError::Version),
        ("\"version\":1,", "", SummaryError::Malformed),
        ("\"version\":1", "\"version\":1,\"text\":\"hello\"", SummaryError::Malformed),
        ("\"version\":1", "\"version\":1,\"version\":1", SummaryError::Malformed),
        ("abababab-", "ABABABAB-", SummaryError::Id),
        ("abababab-", "../../../etc-", SummaryError::Id),
        ("abababab-", "ababababa", SummaryError::Id),
        ("\"5c5c", "\"5C5c", SummaryError::Model),
        ("\"5c5c", "\"5c", SummaryError::Model),
        ("\"5c5c", "\"\u{20ac}", SummaryError::Model),
        ("20783", "100001", SummaryError::Day),
        ("20783", "-1", SummaryError::Malformed),
        ("20783", "4294967296", SummaryError::Malformed),
        ("20783", "1.5", SummaryError::Malformed),
        ("\"de\"", "\"\"", SummaryError::Cohort),
        ("\"de\"", "\"d e\"", SummaryError::Cohort),
        ("\"de\"", "\"<script>\"", SummaryError::Cohort),
        ("\"de\"", "\"a-value-that-is-longer-than-any-32\"", SummaryError::Cohort),
        ("\"locale\":\"de\"", "\"locale\":\"de\",\"locale\":\"en\"", SummaryError::Malformed),
        ("\"locale\":\"de\"", "\"a\":\"1\",\"b\":\"1\",\"c\":\"1\",\"d\":\"1\"", SummaryError::Cohort),
        ("\"locale\":\"de\"", "\"locale\":[\"de\"]", SummaryError::Malformed),
        ("\"epsilon\":2.0", "\"epsilon\":0", SummaryError::Epsilon),
        ("\"epsilon\":2.0", "\"epsilon\":-2", SummaryError::Epsilon),
        ("\"epsilon\":2.0", "\"epsilon\":10.001", SummaryError::Epsilon),
        ("\"epsilon\":2.0", "\"epsilon\":1e999", SummaryError::Malformed),
        ("\"epsilon\":2.0", "\"epsilon\":NaN", SummaryError::Malformed),
        ("\"epsilon\":2.0", "\"epsilon\":\"2\"", SummaryError::Malformed),
        ("\"class\":1,\"confidence\":7", "", SummaryError::Empty),
        ("\"class\":1", "\"text\":1", SummaryError::Metric),
        ("\"class\":1", "\"class\":1,\"class\":0", SummaryError::Malformed),
        ("\"class\":1", "\"class\":256", SummaryError::Malformed),
        ("\"class\":1", "\"class\":\"1\"", SummaryError::Malformed),
        ("{\"version\"", "[{\"version\"", SummaryError::Malformed),
    ];
    for (from, to, error) in cases {
        let wrong = json.replacen(from, to, 1);
        assert_ne!(wrong, json, "{from}");
        assert_eq!(Summary::parse(wrong.as_bytes()), Err(*error), "{from} -> {to}");
    }
    assert_eq!(Summary::parse(&vec![b' '; Summary::MAX_BYTES + 1]), Err(SummaryError::TooLong));
    let deep = "[".repeat(Summary::MAX_BYTES);
    assert_eq!(Summary::parse(deep.as_bytes()), Err(SummaryError::Malformed));
    for end in 0..json.len() {
        assert!(Summary::parse(&json.as_bytes()[..end]).is_err(), "{end}");
    }
    let mut bytes = json.clone().into_bytes();
    bytes[3] = 0xff;
    assert_eq!(Summary::parse(&bytes), Err(SummaryError::Malformed));
}

#[test]
fn refuses_metrics_and_bins_that_a_model_lacks() {
    let with = |metric, bin| {
        let bins = BTreeMap::from([(metric, bin)]);
        let summary = Summary::new(Uuid::random([0; 16]), Hash([0; 32]), 1, Cohort::default(), 1.0, bins);
        summary.expect("sound").fits(&schema())
    };
    assert_eq!(with(Metric::Class, 1), Ok(()));
    assert_eq!(with(Metric::Class, 2), Err(SummaryError::Bin));
    assert_eq!(with(Metric::Brightness, 0), Err(SummaryError::Metric));
    assert_eq!(with(Metric::Length, 7), Ok(()));
    assert_eq!(with(Metric::Length, 255), Err(SummaryError::Bin));
}

#[test]
fn one_wrong_summary_of_a_batch_is_wrong_alone() {
    let (fine, wrong) = (summary().json(), "{\"raw\":\"a text\"}");
    let Batch(read) = Batch::parse(Batch::body([&fine[..], wrong, &fine]).as_bytes()).expect("sound");
    assert_eq!(read, [Ok(summary()), Err(SummaryError::Malformed), Ok(summary())]);
    let of = |count: usize| Batch::parse(Batch::body(vec![&fine[..]; count]).as_bytes()).map(|Batch(all)| all.len());
    assert_eq!(of(100), Ok(100));
    assert_eq!(of(101), Err(SummaryError::TooMany));
    assert_eq!(of(0), Err(SummaryError::Empty));
    assert_eq!(Batch::parse(b"{\"summaries\":[],\"device\":1}"), Err(SummaryError::Malformed));
    assert_eq!(Batch::parse(&vec![b'['; Batch::MAX_BYTES + 1]), Err(SummaryError::TooLong));
    assert_eq!(Batch::parse(&vec![b'['; Batch::MAX_BYTES]), Err(SummaryError::Malformed));
}

#[test]
fn borders_belong_to_the_bin_above_them() {
    let schema = schema();
    let bin = |metric, change: &dyn Fn(&mut Observation)| {
        let mut observation = observation();
        change(&mut observation);
        schema.bin(metric, &observation)
    };
    assert_eq!(bin(Metric::Confidence, &|o| o.probability = 0.49), Some(0));
    assert_eq!(bin(Metric::Confidence, &|o| o.probability = 0.5), Some(1));
    assert_eq!(bin(Metric::Confidence, &|o| o.probability = 1.0), Some(7));
    assert_eq!(bin(Metric::Confidence, &|o| o.probability = f32::NAN), Some(7));
    assert_eq!(bin(Metric::Energy, &|o| o.energy = Some(f32::NEG_INFINITY)), Some(0));
    assert_eq!(bin(Metric::Energy, &|o| o.energy = Some(0.5)), Some(7));
    assert_eq!(bin(Metric::Energy, &|o| o.energy = None), None);
    assert_eq!(bin(Metric::Unknown, &|o| o.unknown = Some(0.0)), Some(0));
    assert_eq!(bin(Metric::Unknown, &|o| o.unknown = Some(0.001)), Some(1));
    assert_eq!(bin(Metric::Latency, &|o| o.latency = 31), Some(0));
    assert_eq!(bin(Metric::Latency, &|o| o.latency = 32), Some(1));
    assert_eq!(bin(Metric::Latency, &|o| o.latency = u32::MAX), Some(15));
    assert_eq!(bin(Metric::Length, &|o| o.length = Some(0)), Some(0));
    assert_eq!(bin(Metric::Length, &|o| o.length = Some(16)), Some(1));
    assert_eq!(bin(Metric::Length, &|o| o.length = Some(1024)), Some(7));
    assert_eq!(bin(Metric::Reason, &|o| o.reason = None), Some(0));
    assert_eq!(bin(Metric::Reason, &|o| o.reason = Some(Reason::Policy)), Some(6));
    assert_eq!(bin(Metric::Class, &|o| o.class = u32::MAX), Some(1));
    assert_eq!(bin(Metric::Brightness, &|_| ()), None);
}

#[test]
fn every_bin_of_every_schema_has_a_label_of_its_own() {
    for classes in [1, 2, 10, 32, 33, 75, 1001] {
        for input in [Input::Tensor, Input::Picture, Input::Text] {
            let schema = Schema::new(classes, input, schema().energy_borders().to_vec()).expect("sound");
            for metric in schema.metrics() {
                let bins = schema.bins(metric).expect("of the schema");
                assert!((2..=Schema::MAX_BINS).contains(&bins));
                let mut labels: Vec<String> = (0..bins).map(|bin| schema.label(metric, bin)).collect();
                labels.sort();
                labels.dedup();
                assert_eq!(labels.len(), bins, "{metric:?}: {labels:?}");
            }
        }
    }
    let schema = Schema::new(75, Input::Text, Vec::new()).expect("sound");
    assert_eq!(schema.label(Metric::Class, 0), "classes 0 to 2");
    assert_eq!(schema.label(Metric::Latency, 0), "below 32 µs");
    assert_eq!(schema.label(Metric::Latency, 1), "32 to 64 µs");
    assert_eq!(schema.label(Metric::Length, 7), "1024 bytes and more");
    // What a label says is where the classes are.
    for class in 0..75 {
        let bin = schema.bin(Metric::Class, &Observation { class, ..observation() }).expect("of the schema");
        let label = schema.label(Metric::Class, usize::from(bin));
        let numbers: Vec<u32> = label.split(' ').filter_map(|word| word.parse().ok()).collect();
        assert!(numbers[0] <= class && class <= numbers[numbers.len() - 1], "{class}: {label}");
    }
}

#[test]
fn refuses_schemas_that_no_model_has() {
    let rising = vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0];
    let with = |place: usize, value: f32| {
        let mut borders = rising.clone();
        borders[place] = value;
        borders
    };
    assert!(Schema::new(2, Input::Text, rising.clone()).is_ok());
    let wrong = [(0, vec![]), ((1 << 20) + 1, vec![]), (2, vec![1.0]), (2, with(3, 2.0)), (2, with(0, f32::NAN))];
    for (classes, borders) in wrong.into_iter().chain([(2, with(6, f32::INFINITY))]) {
        assert_eq!(Schema::new(classes, Input::Text, borders.clone()), Err(SummaryError::Schema), "{borders:?}");
    }
}

#[test]
fn cohorts_name_only_what_is_allowed() {
    let keys = BTreeMap::from([("locale".to_string(), vec!["de".to_string(), "en".to_string()])]);
    let allowed = Allowed::new(keys).expect("sound");
    let own = |value| move |key: &str| Some(value).filter(|_| key != "name");
    assert_eq!(allowed.cohort(own("de")), cohort(&[("locale", "de")]));
    assert_eq!(allowed.cohort(own("de-AT")), cohort(&[("locale", OTHER)]));
    assert_eq!(allowed.cohort(|_| None), cohort(&[("locale", OTHER)]));
    let many = (0..4).map(|key| (format!("key{key}"), vec![])).collect();
    assert_eq!(Allowed::new(many), Err(SummaryError::Cohort));
    assert!(serde_json::from_str::<Allowed>("{\"locale\":[\"d e\"]}").is_err());
}

#[test]
fn a_baseline_counts_all_and_each_cohort() {
    let (de, none) = (cohort(&[("locale", "de")]), Cohort::default());
    let (one, other) = (observation(), Observation { class: 0, energy: None, ..observation() });
    let baseline = Baseline::count(schema(), [(&one, &de), (&other, &none), (&one, &none)]).expect("few cohorts");
    assert_eq!(baseline.counts(&none, Metric::Class), Some(&[1, 2][..]));
    assert_eq!(baseline.counts(&de, Metric::Class), Some(&[0, 1][..]));
    assert_eq!(baseline.counts(&none, Metric::Energy).map(|counts| counts.iter().sum()), Some(2_u64));
    assert_eq!(baseline.counts(&none, Metric::Latency), None);
    assert_eq!(baseline.groups()[0].samples(), 3);
    assert_eq!(Baseline::parse(baseline.json().as_bytes()), Ok(baseline));
}

#[test]
fn refuses_baselines_that_are_wrong() {
    let none = Cohort::default();
    let json = Baseline::count(schema(), [(&observation(), &none)]).expect("few cohorts").json();
    let again = &json[json.find("{\"cohort\"").expect("a group")..json.len() - 2];
    let cases = [
        ("\"version\":1,\"schema\"", "\"version\":2,\"schema\"".to_string(), SummaryError::Version),
        ("\"class\":[0,1]", "\"class\":[0,2]".to_string(), SummaryError::Counts),
        ("\"class\":[0,1]", "\"class\":[0,1,0]".to_string(), SummaryError::Counts),
        ("\"class\":[0,1]", "\"class\":[18446744073709551615,2]".to_string(), SummaryError::Counts),
        ("\"class\":[0,1]", "\"brightness\":[0,0,0,0,0,0,0,0]".to_string(), SummaryError::Counts),
        ("\"class\":[0,1]", "\"class\":[-1,1]".to_string(), SummaryError::Malformed),
        ("\"samples\":1", "\"samples\":18446744073709551615".to_string(), SummaryError::Counts),
        ("\"classes\":2", "\"classes\":0".to_string(), SummaryError::Malformed),
        ("\"cohort\":{}", "\"cohort\":{\"a b\":\"c\"}".to_string(), SummaryError::Cohort),
        ("{\"cohort\"", format!("{again},{{\"cohort\""), SummaryError::Cohort),
    ];
    for (from, to, error) in cases {
        let wrong = json.replacen(from, &to, 1);
        assert_ne!(wrong, json, "{from}");
        assert_eq!(Baseline::parse(wrong.as_bytes()), Err(error), "{from} -> {to}");
    }
    assert_eq!(Baseline::parse(&vec![b' '; Baseline::MAX_BYTES + 1]), Err(SummaryError::TooLong));
}

#[test]
fn responses_have_the_probabilities_that_they_say() {
    assert_eq!(Response::new(1, 1.0), None);
    assert_eq!([0.0, -1.0, f64::NAN, f64::INFINITY].map(|epsilon| Response::new(4, epsilon)), [None; 4]);
    for (bins, epsilon) in [(2, 0.01), (3, 1.0), (8, 2.0), (32, 10.0)] {
        let response = Response::new(bins, epsilon).expect("sound");
        let [keep, other] = [response.keep(), response.other()];
        assert!((keep + other * (bins as f64 - 1.0) - 1.0).abs() < 1e-12);
        assert!((keep / other / libm::exp(epsilon) - 1.0).abs() < 1e-12);
        // Even numbers, in place of random ones: shares are as exact as the grid.
        let mut counts = vec![0_u64; bins];
        let grid: u64 = 2000;
        for first in 0..grid {
            let number = |index: u64, of: u64| ((u128::from(index) << 64) / u128::from(of)) as u64;
            for second in 0..bins as u64 - 1 {
                counts[usize::from(
                    response.randomize(Some(1), [number(first, grid), number(second, bins as u64 - 1) + 1]),
                )] += 1;
            }
        }
        let total = (grid * (bins as u64 - 1)) as f64;
        for (bin, &count) in counts.iter().enumerate() {
            let expected = if bin == 1 { keep } else { other };
            assert!((count as f64 / total - expected).abs() < 2.0 / grid as f64, "{bins} {epsilon} {counts:?}");
        }
    }
    let response = Response::exact(3);
    assert_eq!([0, u64::MAX].map(|number| response.randomize(Some(2), [number, number])), [2, 2]);
    // Without a true bin, or with one that isn't there, each is as probable.
    let response = Response::new(4, 1.0).expect("sound");
    let quarter = |number: u64| (number << 62) + 1;
    assert_eq!([0, 1, 2, 3].map(|number| response.randomize(None, [0, quarter(number)])), [0, 1, 2, 3]);
    assert_eq!([0, 1, 2, 3].map(|number| response.randomize(Some(9), [0, quarter(number)])), [0, 1, 2, 3]);
}

#[test]
fn estimates_undo_what_responses_did() {
    let response = Response::new(4, 1.2).expect("sound");
    let shares = [0.7, 0.2, 0.1, 0.0];
    let told = response.expected(&shares);
    assert!((told.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    let counts: Vec<u64> = told.iter().map(|share| (share * 1e9).round_ties_even() as u64).collect();
    for (estimate, share) in response.estimate(&counts).iter().zip(shares) {
        assert!((estimate.share - share).abs() < 1e-8, "{estimate:?} {share}");
    }
    // 3 of 4 in a half-half response of two: the variance of a binomial share, over the slope's square.
    let response = Response::new(2, libm::log(3.0)).expect("sound");
    let estimates = response.estimate(&[3, 1]);
    assert!((estimates[0].share - 1.0).abs() < 1e-12 && (estimates[1].share).abs() < 1e-12);
    assert!((estimates[0].variance - 0.75 * 0.25 / 3.0 / 0.25).abs() < 1e-12);
    assert!(response.estimate(&[0, 0]).iter().all(|estimate| estimate.share == 0.0 && estimate.variance.is_infinite()));
    assert!(response.estimate(&[1, 0])[0].variance.is_infinite());
}

#[test]
fn names_are_unlike_and_found_again() {
    assert!(Metric::ALL.iter().all(|&metric| Metric::named(metric.name()) == Some(metric)));
    assert!(Reason::ALL.iter().all(|&reason| Reason::named(reason.name()) == Some(reason)));
    assert!(Rollback::ALL.iter().all(|&reason| Rollback::named(reason.name()) == Some(reason)));
    // Bins are fixed; what says nothing of a model has none.
    assert!(Rollback::COUNTED.iter().zip(1..).all(|(reason, bin)| reason.bin() == Some(bin)));
    assert_eq!((Rollback::COUNTED.len(), Rollback::Withdrawn.bin(), Rollback::Lost.bin()), (7, Some(7), None));
    let mut codes = SummaryError::ALL.map(SummaryError::code).to_vec();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), SummaryError::ALL.len());
    assert_eq!(Uuid::parse("abababab-abab-4bab-abab-ababababababa"), None);
    assert_eq!(Uuid::parse(&Uuid::random([7; 16]).text()), Some(Uuid::random([7; 16])));
}
