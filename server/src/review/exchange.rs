//! Items and verdicts in the forms of others: Label Studio's tasks, and labelled texts as `dunlin calibrate --data` reads them.

use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::fault::Fault;

use super::handlers::payload;
use super::{Verdict, judge};

/// A task of Label Studio, as far as labels are concerned.
#[derive(Deserialize)]
pub(crate) struct Task {
    data: Named,
    #[serde(default)]
    annotations: Vec<Annotation>,
}

#[derive(Deserialize)]
struct Named {
    dunlin_id: Option<String>,
}

#[derive(Deserialize)]
struct Annotation {
    /// Ours; Label Studio takes only its own people as `completed_by`.
    dunlin_reviewer: Option<String>,
    completed_by: Option<Value>,
    #[serde(default)]
    was_cancelled: bool,
    #[serde(default)]
    result: Vec<Value>,
}

/// What became of an import.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Imported {
    /// Verdicts that were written down.
    pub verdicts: u32,
    /// Tasks of items that aren't here, or not any more.
    pub unknown: u32,
}

/// All items as tasks, with what is said of them as annotations.
pub(crate) fn tasks(connection: &Connection) -> Result<Vec<u8>, Fault> {
    let mut items =
        connection.prepare("SELECT id, cloud, reason, predicted, probability FROM reviews ORDER BY at, id")?;
    let mut verdicts =
        connection.prepare("SELECT reviewer, verdict, label FROM verdicts WHERE review = ? ORDER BY at, reviewer")?;
    let mut rows = items.query([])?;
    let mut tasks = Vec::new();
    while let Some(row) = rows.next()? {
        let id: [u8; 16] = row.get(0)?;
        let (cloud, reason, predicted): (String, String, String) = (row.get(1)?, row.get(2)?, row.get(3)?);
        let (name, value) = payload(connection, &id)?.json();
        let result = |label: &str| json!([{ "from_name": "label", "to_name": name, "type": "choices", "value": { "choices": [label] } }]);
        let annotation = |(reviewer, verdict, label): (String, String, Option<String>)| {
            json!({
                "dunlin_reviewer": reviewer,
                "was_cancelled": verdict == "skip",
                "result": label.map_or_else(|| json!([]), |label| result(&label)),
            })
        };
        let said = verdicts.query_map([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        let annotations = said.map(|row| row.map(annotation)).collect::<Result<Vec<_>, _>>()?;
        let mut data = json!({ "dunlin_id": crate::hex::of_uuid(&id), "reason": reason });
        data[name] = value;
        tasks.push(json!({
            "data": data,
            "predictions": [{ "model_version": cloud, "score": row.get::<_, f64>(4)?, "result": result(&predicted) }],
            "annotations": annotations,
        }));
    }
    serde_json::to_vec(&tasks).map_err(|error| Fault::internal("an export", error))
}

/// Writes the verdicts of tasks down: of those that came from here.
pub(crate) fn import(connection: &Connection, tasks: &[Task], now: i64) -> Result<Imported, Fault> {
    let mut imported = Imported::default();
    for (index, task) in tasks.iter().enumerate() {
        let id = task.data.dunlin_id.as_deref().and_then(crate::hex::uuid);
        let mut known = false;
        for annotation in &task.annotations {
            let reviewer = annotation.reviewer();
            let verdict = annotation.verdict().ok_or_else(|| {
                Fault::bad(format!("annotation of task {index} isn't one choice of at most 256 bytes, under 'label'; nothing was imported"))
            })?;
            if let Some(id) = &id
                && judge(connection, id, &reviewer, &verdict, now)?.is_some()
            {
                known = true;
                imported.verdicts += 1;
            }
        }
        imported.unknown += u32::from(!known && !task.annotations.is_empty());
    }
    Ok(imported)
}

impl Annotation {
    /// Who it was: our own name for them, or Label Studio's number.
    fn reviewer(&self) -> String {
        let name = match (&self.dunlin_reviewer, &self.completed_by) {
            (Some(name), _) => name.clone(),
            (None, Some(Value::Number(number))) => format!("label-studio-{number}"),
            (None, Some(Value::Object(person))) => format!("label-studio-{}", person.get("id").unwrap_or(&Value::Null)),
            (None, _) => "label-studio".to_owned(),
        };
        name.chars().take(64).collect()
    }

    /// None for one that isn't a choice.
    fn verdict(&self) -> Option<Verdict> {
        if self.was_cancelled {
            return Some(Verdict::Skip);
        }
        let Some(result) = self.result.first() else { return Some(Verdict::Disagree) };
        match result["value"]["choices"].as_array()?.as_slice() {
            [Value::String(label)] if (1..=256).contains(&label.len()) => Some(Verdict::Label(label.clone())),
            _ => None,
        }
    }
}

/// Texts with the label that reviewers gave, and the cohort columns that `--cohort` may name.
fn labelled(connection: &Connection, agreed: bool) -> Result<Vec<[String; 4]>, Fault> {
    let states = if agreed { "('agreed')" } else { "('agreed', 'labelled')" };
    let select = format!(
        "SELECT id, label, reason, cloud FROM reviews WHERE label IS NOT NULL AND state IN {states} ORDER BY at, id"
    );
    let mut select = connection.prepare(&select)?;
    let mut rows = select.query([])?;
    let mut texts = Vec::new();
    while let Some(row) = rows.next()? {
        if let Some(text) = payload(connection, &row.get(0)?)?.text() {
            texts.push([text, row.get(1)?, row.get(2)?, row.get(3)?]);
        }
    }
    Ok(texts)
}

const COLUMNS: [&str; 4] = ["text", "label", "reason", "cloud"];

/// As CSV with a header.
pub(super) fn csv(connection: &Connection, agreed: bool) -> Result<Vec<u8>, Fault> {
    let quoted = |field: &str| format!("\"{}\"", field.replace('"', "\"\""));
    let line = |fields: [&str; 4]| fields.map(quoted).join(",") + "\r\n";
    let mut csv = line(COLUMNS);
    for row in labelled(connection, agreed)? {
        csv += &line([&row[0], &row[1], &row[2], &row[3]]);
    }
    Ok(csv.into_bytes())
}

/// As lines of JSON.
pub(super) fn jsonl(connection: &Connection, agreed: bool) -> Result<Vec<u8>, Fault> {
    let mut lines = String::new();
    for [text, label, reason, cloud] in labelled(connection, agreed)? {
        let record = json!({ "text": text, "label": label, "reason": reason, "cloud": cloud });
        lines += &(record.to_string() + "\n");
    }
    Ok(lines.into_bytes())
}
