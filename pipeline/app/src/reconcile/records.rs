//! The records of a log file, one after the other, without the file as a whole in memory.

use std::fmt;
use std::io::{BufReader, Read};

use flate2::read::MultiGzDecoder;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// No log file unpacks to more; CloudTrail's have some fifty megabytes at most.
const LARGEST_BYTES: u64 = 4 * 1024 * 1024 * 1024;

/// Hands every record of a packed log file to `sink`.
///
/// # Errors
/// Where the file is torn, or no log file. What stood before was handed on.
pub(super) fn each(packed: &[u8], sink: &mut dyn FnMut(&str)) -> Result<(), serde_json::Error> {
    let unpacked = MultiGzDecoder::new(packed).take(LARGEST_BYTES);
    let mut file = serde_json::Deserializer::from_reader(BufReader::new(unpacked));
    file.deserialize_map(File { sink })?;
    file.end()
}

struct File<'a> {
    sink: &'a mut dyn FnMut(&str),
}

impl<'de> Visitor<'de> for File<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a CloudTrail log file: an object with `Records`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            if key == "Records" {
                map.next_value_seed(Records { sink: &mut *self.sink })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

struct Records<'a> {
    sink: &'a mut dyn FnMut(&str),
}

impl<'de> DeserializeSeed<'de> for Records<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Records<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of records")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(record) = list.next_element::<Box<RawValue>>()? {
            (self.sink)(record.get());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn packed(text: &str) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    fn records(packed: &[u8]) -> (Vec<String>, bool) {
        let mut records = Vec::new();
        let read = each(packed, &mut |record| records.push(record.to_owned()));
        (records, read.is_ok())
    }

    #[test]
    fn records_come_as_they_stand() {
        let file = packed(r#"{"x":[1],"Records":[{"a":"}]"}, {"b":[1,{}]}],"y":{}}"#);
        let wanted = vec![r#"{"a":"}]"}"#.to_owned(), r#"{"b":[1,{}]}"#.to_owned()];
        assert_eq!(records(&file), (wanted, true));
    }

    #[test]
    fn of_a_torn_file_the_first_records_come_and_it_is_told() {
        let mut file = packed(r#"{"Records":[{"a":1},{"b":2}]}"#);
        file.truncate(file.len() - 12);
        assert!(!records(&file).1);
        let (found, is_whole) = records(&packed(r#"{"Records":[{"a":1},{"b":"#));
        assert_eq!((found, is_whole), (vec![r#"{"a":1}"#.to_owned()], false));
        assert!(!records(b"no gzip").1);
        assert!(!records(&packed("[1]")).1);
    }
}
