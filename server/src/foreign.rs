//! What reads files of others, for whoever tries to break it: fuzz targets, and the test that goes through their corpus.

use rusqlite::{Connection, params};

use crate::fault::{Code, Fault};
use crate::infer;
use crate::review::exchange;
use crate::store;

/// An item that tasks may name.
const ITEM: [u8; 16] = [0x10, 0, 0, 0, 0, 0, 0x40, 0, 0x80, 0, 0, 0, 0, 0, 0, 1];

/// Takes tasks of Label Studio into a review with one item. What it takes is exported, and taken again as it is.
///
/// # Panics
/// When the fault isn't the file's, or what was exported isn't taken.
pub fn label_studio(json: &[u8]) {
    let Ok(tasks) = serde_json::from_slice::<Vec<exchange::Task>>(json) else { return };
    let connection = review().expect("an empty database");
    match exchange::import(&connection, &tasks, 1) {
        Err(fault) => assert_eq!(fault.code(), Code::BadRequest, "{fault:?}"),
        Ok(_) => {
            let exported = exchange::tasks(&connection).expect("what was taken");
            let again: Vec<exchange::Task> = serde_json::from_slice(&exported).expect("tasks");
            exchange::import(&connection, &again, 2).expect("what was exported");
            assert_eq!(exchange::tasks(&connection).map(|tasks| tasks.len()), Ok(exported.len()));
        }
    }
}

fn review() -> Result<Connection, Fault> {
    let mut connection = Connection::open_in_memory()?;
    store::prepare(&mut connection).map_err(|error| Fault::internal("a database in memory", error))?;
    let item = "INSERT INTO reviews VALUES (?, 1, 'cloud', NULL, 'audit', 'a', 0.5, 'open', NULL, NULL, NULL)";
    connection.execute(item, [ITEM])?;
    connection.execute("INSERT INTO payloads VALUES (?, 'text', '', ?)", params![ITEM, b"text"])?;
    Ok(connection)
}

/// Reads what lies beside a model that answers, and lets it prepare a picture if it is about one.
pub fn cloud_config(json: &[u8]) {
    infer::read_config(json);
}
