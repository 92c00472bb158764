//! How many answers are right, without labels for most of them.

use dunlin_drift::{Audit, Shares, Tally, quality};
use dunlin_protocol::summary::{Metric, Schema};
use rusqlite::{Connection, params};
use serde::Serialize;

use crate::app::App;
use crate::clock::DAY;
use crate::fault::Fault;

use super::told::reports;

/// A window's estimate.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Accuracy {
    /// How many devices told of their confidence.
    reports: u64,
    /// The share of right answers.
    pub share: f64,
    /// Of 95 %.
    pub interval: [f64; 2],
    /// Audited answers that it rests on; without, it is what confidences say of themselves.
    audits: usize,
}

/// An answer that was drawn at random and that people have labelled, with the day on which it was given.
pub(crate) type Audited = (u32, Audit);

/// A window takes audits of so many days, its own among them: there are few of a day.
const AUDITED: u32 = 14;

/// From what devices told of their confidence, and audits of its last days.
pub(crate) fn accuracy(schema: &Schema, tallies: &[Tally], day: u32, audited: &[Audited]) -> Option<Accuracy> {
    let window = (day + 1).saturating_sub(AUDITED)..=day;
    let audits: Vec<Audit> = audited.iter().filter(|(day, _)| window.contains(day)).map(|(_, audit)| *audit).collect();
    let found = quality(&Shares::of(tallies)?, &means(schema), &audits)?;
    Some(Accuracy { reports: reports(tallies), share: found.accuracy, interval: found.interval, audits: found.audits })
}

/// The middle of each bin of confidence. The first begins where all classes are equally probable.
fn means(schema: &Schema) -> Vec<f64> {
    let borders = Schema::CONFIDENCE.map(f64::from);
    let least = (1.0 / f64::from(schema.classes())).min(borders[0]);
    let ends = [&[least][..], &borders, &[1.0]].concat();
    ends.windows(2).map(|pair| f64::midpoint(pair[0], pair[1])).collect()
}

/// All audits of a model that say what the device found. A label that is none of the classes says that it was wrong.
pub(crate) fn audited(connection: &Connection, model: &[u8; 32], labels: &[String]) -> Result<Vec<Audited>, Fault> {
    let select = "SELECT at, class, confidence, label FROM reviews
        WHERE model = ? AND reason = 'audit' AND state IN ('labelled', 'agreed') AND class IS NOT NULL";
    let mut select = connection.prepare(select)?;
    let rows = select.query_map([model], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, u32>(1)?, row.get(2)?, row.get::<_, Option<String>>(3)?))
    })?;
    let audit = |(at, class, confidence, label): (i64, u32, f64, Option<String>)| {
        let found = labels.get(class as usize).cloned().unwrap_or_else(|| class.to_string());
        ((at.unsigned_abs() / DAY) as u32, Audit { confidence, right: label == Some(found) })
    };
    Ok(rows.map(|row| row.map(audit)).collect::<Result<_, _>>()?)
}

/// The last whole day's estimate of each model that is published and has told of its confidence.
///
/// # Errors
/// `internal`.
pub async fn latest(app: &App) -> Result<Vec<([u8; 32], Accuracy)>, Fault> {
    let listed = app.store.read(|connection| {
        let mut rows =
            connection.prepare("SELECT DISTINCT sha256 FROM targets WHERE listed = 1 AND path LIKE '%.dunlin'")?;
        Ok(rows.query_map([], |row| row.get(0))?.collect::<Result<Vec<[u8; 32]>, _>>()?)
    });
    let known =
        listed.await?.into_iter().filter_map(|model| Some((model, app.baselines.of(&model)?, app.labels.of(&model))));
    let (known, today) = (known.collect::<Vec<_>>(), app.config.clock.now().day());
    let read = move |connection: &Connection| {
        let mut all = Vec::new();
        for (model, baseline, labels) in &known {
            let Some((day, tallies)) = last_day(connection, model, baseline.schema(), today)? else { continue };
            let audited = audited(connection, model, labels)?;
            all.extend(accuracy(baseline.schema(), &tallies, day, &audited).map(|accuracy| (*model, accuracy)));
        }
        Ok(all)
    };
    app.store.read(read).await
}

/// The last whole day of which a model's confidence is told, by all devices.
fn last_day(
    connection: &Connection,
    model: &[u8; 32],
    schema: &Schema,
    today: u32,
) -> Result<Option<(u32, Vec<Tally>)>, Fault> {
    let Some(bins) = schema.bins(Metric::Confidence) else { return Ok(None) };
    let (name, last) =
        (Metric::Confidence.name(), "SELECT MAX(day) FROM counts WHERE model = ? AND day < ? AND metric = ?");
    let Some(day) = connection.query_row(last, params![model, today, name], |row| row.get::<_, Option<u32>>(0))? else {
        return Ok(None);
    };
    let mut counts =
        connection.prepare("SELECT epsilon, bin, n FROM counts WHERE model = ? AND day = ? AND metric = ?")?;
    let mut rows = counts.query(params![model, day, name])?;
    let mut tallies = Vec::new();
    while let Some(row) = rows.next()? {
        let (epsilon, bin, n): (f64, usize, u64) =
            (row.get(0)?, row.get::<_, u32>(1)? as usize, row.get::<_, u32>(2)?.into());
        let mut tally = Tally { epsilon: Some(epsilon), counts: vec![0; bins] };
        // A baseline that was put anew may lack what an older one had.
        let Some(count) = tally.counts.get_mut(bin) else { continue };
        *count = n;
        dunlin_drift::references::add(&mut tallies, &tally);
    }
    Ok(Some((day, tallies)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use dunlin_protocol::summary::Input;

    #[test]
    fn audits_of_the_last_days_correct_what_confidences_say() {
        let schema = Schema::new(2, Input::Text, Vec::new()).expect("a schema");
        let tallies = [Tally { epsilon: None, counts: vec![0, 0, 0, 0, 0, 0, 0, 1000] }];
        let said = accuracy(&schema, &tallies, 100, &[]).expect("reports");
        assert!((said.share - 0.995).abs() < 1e-6 && said.audits == 0 && said.reports == 1000, "{said:?}");
        let audit = |number: u32| (100 - number % 14, Audit { confidence: 0.995, right: !number.is_multiple_of(5) });
        let audits: Vec<Audited> = (0..100).map(audit).collect();
        let corrected = accuracy(&schema, &tallies, 100, &audits).expect("reports");
        assert!((corrected.share - 0.8).abs() < 1e-6 && corrected.audits == 100, "{corrected:?}");
        assert!(corrected.interval[0] < 0.76 && corrected.interval[1] > 0.84, "{corrected:?}");
        // Audits of other days are of other windows.
        assert_eq!(accuracy(&schema, &tallies, 300, &audits).expect("reports").audits, 0);
        assert_eq!(accuracy(&schema, &[], 100, &audits), None);
    }

    #[test]
    fn bins_stand_for_their_middle() {
        let means = |classes| means(&Schema::new(classes, Input::Text, Vec::new()).expect("a schema"));
        let near = |a: f64, b: f64| (a - b).abs() < 1e-6;
        assert!(near(means(2)[0], 0.5) && near(means(10)[0], 0.3) && near(means(2)[7], 0.995), "{:?}", means(2));
        assert_eq!(means(2).len(), 8);
    }
}
