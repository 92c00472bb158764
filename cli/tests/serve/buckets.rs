//! Segments of summaries in buckets, which a small server here imitates.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use dunlin_protocol::summary::{Baseline, Input, Schema};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::RowAccessor;

use crate::{MODEL, Serving, agent, batch, send};

/// Names and values; an empty one is the imitation's address.
type Variables = &'static [(&'static str, &'static str)];

/// What a bucket has, and who asked for it.
#[derive(Default)]
struct Stored {
    objects: BTreeMap<String, Vec<u8>>,
    authorizations: BTreeSet<String>,
    refused: u32,
}

#[derive(Clone, Default)]
struct Bucket(Arc<(Mutex<Stored>, Condvar)>);

impl Bucket {
    /// Serves, and refuses as many requests at first as it is told to.
    fn serve(refuse: u32) -> (Self, String) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("its address"));
        let bucket = Self::default();
        let shared = bucket.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let bucket = shared.clone();
                // A client that goes away ends its connection.
                thread::spawn(move || while bucket.answer(&stream, refuse).is_some() {});
            }
        });
        (bucket, address)
    }

    /// Answers one request; none when the client is gone.
    fn answer(&self, stream: &TcpStream, refuse: u32) -> Option<()> {
        let mut reader = BufReader::new(stream);
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok().filter(|&length| length > 0)?;
            match line.trim_end() {
                "" => break,
                line => lines.push(line.to_owned()),
            }
        }
        let header = |name: &str| {
            let found = lines[1..]
                .iter()
                .filter_map(|line| line.split_once(": "))
                .find(|(key, _)| key.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.to_owned())
        };
        let length = header("content-length").map_or(0, |length| length.parse().expect("a number"));
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let (method, rest) = lines[0].split_once(' ')?;
        let path = rest.split([' ', '?']).next()?.replace("%2F", "/");
        let mut stored = self.0.0.lock().expect("no panic");
        stored.authorizations.extend(header("authorization"));
        let status = match method {
            _ if stored.refused < refuse => {
                stored.refused += 1;
                "503 Slow Down"
            }
            "PUT" => {
                stored.objects.insert(path, body);
                "200 OK"
            }
            _ => "404 Not Found",
        };
        self.0.1.notify_all();
        drop(stored);
        let mut stream = stream;
        write!(stream, "HTTP/1.1 {status}\r\netag: \"1\"\r\ncontent-length: 0\r\n\r\n").ok()
    }

    /// Waits until there are so many objects.
    fn objects(&self, count: usize) -> BTreeMap<String, Vec<u8>> {
        let stored = self.0.0.lock().expect("no panic");
        let few = |stored: &mut Stored| stored.objects.len() < count;
        let (stored, waited) = self.0.1.wait_timeout_while(stored, Duration::from_secs(60), few).expect("no panic");
        assert!(!waited.timed_out(), "{:?}", stored.objects.keys());
        stored.objects.clone()
    }
}

#[test]
fn each_summary_is_in_one_segment_of_the_bucket_also_if_that_was_away() {
    let cases: [(&str, &str, Variables); 3] = [
        (
            "s3://fleet/summaries",
            "/fleet/summaries/",
            &[
                ("AWS_ENDPOINT", ""),
                ("AWS_ALLOW_HTTP", "true"),
                ("AWS_ACCESS_KEY_ID", "me"),
                ("AWS_SECRET_ACCESS_KEY", "secret"),
            ],
        ),
        ("gs://fleet/summaries", "/fleet/summaries/", &[("GOOGLE_BASE_URL", ""), ("GOOGLE_BEARER_TOKEN", "me")]),
        (
            "az://fleet/summaries",
            "/fleet/summaries/",
            &[
                ("AZURE_STORAGE_ENDPOINT", ""),
                ("AZURE_STORAGE_ACCOUNT_NAME", "me"),
                ("AZURE_STORAGE_ACCOUNT_KEY", "c2VjcmV0"),
            ],
        ),
    ];
    for (place, below, variables) in cases {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (bucket, address) = Bucket::serve(2);
        let variables: Vec<(&str, &str)> = variables
            .iter()
            .map(|&(name, value)| (name, if value.is_empty() { address.as_str() } else { value }))
            .collect();
        let serving =
            Serving::with(&folder.path().join("data"), &["--segments", place, "--segment-rows", "10"], &variables);
        let baseline = Baseline::empty(Schema::new(2, Input::Text, Vec::new()).expect("a schema")).json();
        let url = format!("{}/v1/models/{MODEL}/baseline", serving.address);
        assert_eq!(send(&agent(), "PUT", &url, &serving.tokens[1], baseline.as_bytes()).expect("an answer").0, 200);
        let url = format!("{}/v1/summaries", serving.address);
        assert_eq!(send(&agent(), "POST", &url, &serving.tokens[0], &batch(0, 20)).expect("an answer").0, 200);
        let objects = bucket.objects(2);
        let mut ids = BTreeSet::new();
        for (path, bytes) in objects {
            assert!(path.starts_with(below), "{place}: {path}");
            let reader = SerializedFileReader::new(Bytes::from(bytes)).expect("a parquet file");
            ids.extend(
                reader
                    .get_row_iter(None)
                    .expect("rows")
                    .map(|row| row.expect("a row").get_string(0).expect("an id").clone()),
            );
        }
        assert_eq!(ids.len(), 20, "{place}: {ids:?}");
        let stored = bucket.0.0.lock().expect("no panic");
        assert_eq!(stored.refused, 2, "{place}");
        assert!(stored.authorizations.iter().all(|said| said.contains("me")), "{place}: {:?}", stored.authorizations);
        assert!(
            !stored.authorizations.is_empty() && !stored.authorizations.iter().any(|said| said.contains("secret")),
            "{place}"
        );
    }
}
