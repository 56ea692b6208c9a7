//! Reads the file in which a check says more than pass or fail.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use serde_json::Value;

use crate::sorting;

/// The longest file: thousands of metrics.
const LONGEST: u64 = 1024 * 1024;

/// What a check measured.
#[derive(Debug, Default, PartialEq)]
pub struct Measured {
    /// From 0 to 1.
    pub score: Option<f64>,
    /// Whatever it counts.
    pub metrics: BTreeMap<String, Value>,
}

/// Reads `{"score": 0..1, "metrics": {…}}`. Without a file nothing is measured; what is wrong with
/// a file is said.
pub fn read(path: &Path) -> Result<Measured, String> {
    let about = match fs::symlink_metadata(path) {
        Ok(about) if about.is_file() && about.len() <= LONGEST => about,
        Ok(about) if about.is_file() => return Err("it is longer than 1 MiB".into()),
        Ok(_) => return Err("it is no file".into()),
        Err(_) => return Ok(Measured::default()),
    };
    let mut text = String::new();
    let file = File::open(path).map_err(|error| error.to_string())?;
    file.take(LONGEST).read_to_string(&mut text).map_err(|error| error.to_string())?;
    // A check may make the file first and write nothing into it.
    if about.len() == 0 {
        return Ok(Measured::default());
    }
    let Ok(Value::Object(mut object)) = serde_json::from_str(&text) else {
        return Err("it is no JSON object".into());
    };
    let score = match object.remove("score") {
        None | Some(Value::Null) => None,
        Some(value) => Some(
            value
                .as_f64()
                .filter(|score| (0.0..=1.0).contains(score))
                .ok_or_else(|| format!("its score is {value}, not a number from 0 to 1"))?,
        ),
    };
    let metrics = match object.remove("metrics") {
        None | Some(Value::Null) => BTreeMap::new(),
        Some(Value::Object(metrics)) => sorting::map(metrics),
        Some(_) => return Err("its metrics are no object".into()),
    };
    Ok(Measured { score, metrics })
}
