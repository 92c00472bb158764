//! A segment: summaries as a Parquet file, a column for each metric.

use std::sync::Arc;

use dunlin_protocol::summary::{Metric, Summary};
use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int32Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;

use super::count::cohort_name;

/// The file's bytes. The same summaries give the same bytes.
///
/// # Errors
/// None that summaries could be at fault for.
pub(super) fn segment(summaries: &[Summary]) -> Result<Vec<u8>, ParquetError> {
    let properties =
        WriterProperties::builder().set_compression(Compression::SNAPPY).set_created_by("dunlin".to_owned()).build();
    let schema = Arc::new(parse_message_type(&schema())?);
    let mut file = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties))?;
    let mut rows = file.next_row_group()?;
    texts(&mut rows, summaries, |summary| summary.id().text())?;
    texts(&mut rows, summaries, |summary| summary.model().to_string())?;
    let days: Vec<i32> = summaries.iter().map(|summary| summary.day() as i32).collect();
    column(&mut rows, |column| column.typed::<Int32Type>().write_batch(&days, None, None).map(drop))?;
    texts(&mut rows, summaries, cohort_name)?;
    let epsilons: Vec<f64> = summaries.iter().map(Summary::epsilon).collect();
    column(&mut rows, |column| column.typed::<DoubleType>().write_batch(&epsilons, None, None).map(drop))?;
    for metric in Metric::ALL {
        let bin = |summary: &Summary| summary.bins().find(|&(found, _)| found == metric).map(|(_, bin)| i32::from(bin));
        let bins: Vec<Option<i32>> = summaries.iter().map(bin).collect();
        let levels: Vec<i16> = bins.iter().map(|bin| i16::from(bin.is_some())).collect();
        let values: Vec<i32> = bins.into_iter().flatten().collect();
        column(&mut rows, |column| column.typed::<Int32Type>().write_batch(&values, Some(&levels), None).map(drop))?;
    }
    rows.close()?;
    file.into_inner()
}

fn schema() -> String {
    let metrics: String = Metric::ALL.iter().map(|metric| format!("optional int32 {};", metric.name())).collect();
    format!(
        "message summary {{ required binary id (UTF8); required binary model (UTF8); required int32 day (DATE);
         required binary cohort (JSON); required double epsilon; {metrics} }}"
    )
}

fn texts(
    rows: &mut SerializedRowGroupWriter<'_, Vec<u8>>,
    summaries: &[Summary],
    text: impl Fn(&Summary) -> String,
) -> Result<(), ParquetError> {
    let texts: Vec<ByteArray> = summaries.iter().map(|summary| ByteArray::from(text(summary).into_bytes())).collect();
    column(rows, |column| column.typed::<ByteArrayType>().write_batch(&texts, None, None).map(drop))
}

fn column(
    rows: &mut SerializedRowGroupWriter<'_, Vec<u8>>,
    write: impl FnOnce(&mut parquet::file::writer::SerializedColumnWriter<'_>) -> Result<(), ParquetError>,
) -> Result<(), ParquetError> {
    let mut column = rows.next_column()?.expect("as many columns as the schema has");
    write(&mut column)?;
    column.close()
}

#[cfg(test)]
mod tests {
    use super::*;
    use parquet::file::reader::{FileReader, SerializedFileReader};

    fn summary(number: u8, bins: &str) -> Summary {
        let json = format!(
            r#"{{"version":1,"id":"00000000-0000-4000-8000-0000000000{number:02x}","model":"{}","day":20783,"cohort":{{"locale":"de"}},"epsilon":2.0,"bins":{{{bins}}}}}"#,
            "ab".repeat(32)
        );
        Summary::parse(json.as_bytes()).expect("a summary")
    }

    #[test]
    fn a_segment_reads_back_as_what_was_written() {
        let summaries = [summary(1, r#""class":1,"margin":7"#), summary(2, r#""class":0"#)];
        let bytes = segment(&summaries).expect("written");
        assert_eq!(bytes, segment(&summaries).expect("written again"));
        let reader = SerializedFileReader::new(axum::body::Bytes::from(bytes)).expect("a parquet file");
        let rows: Vec<String> =
            reader.get_row_iter(None).expect("rows").map(|row| row.expect("a row").to_string()).collect();
        assert_eq!(rows.len(), 2);
        assert!(
            rows[0].contains("000000000001") && rows[0].contains("margin: 7") && rows[0].contains("2026-11-26"),
            "{}",
            rows[0]
        );
        assert!(
            rows[1].contains("class: 0") && rows[1].contains("margin: null") && rows[1].contains(r#"{"locale":"de"}"#),
            "{}",
            rows[1]
        );
    }
}
