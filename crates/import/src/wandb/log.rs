//! The file that W&B writes while a run goes: a header, then records in LevelDB's log format.
//!
//! Blocks of 32 KiB from the file's start. A record has a head of 7 bytes (CRC-32 of type and data,
//! length, type) and does not cross a block's end: a longer message is split into first, middle and
//! last. The header is `:W&B`, 0xBEE1 and a version, 0.

use std::io::{self, Read};

use forebay_core::Diagnostic;

const BLOCK: usize = 32 << 10;
const HEAD: usize = 7;
const START: [u8; 7] = [b':', b'W', b'&', b'B', 0xe1, 0xbe, 0];
/// Beyond it a message is no record of a run.
const LARGEST: usize = 256 << 20;

pub struct Log<R> {
    source: R,
    name: String,
    /// Bytes of the file that were read.
    at: usize,
}

impl<R: Read> Log<R> {
    pub fn open(source: R, name: &str) -> Result<Self, Diagnostic> {
        let mut log = Self {
            source,
            name: name.to_owned(),
            at: 0,
        };
        let mut start = [0; START.len()];
        match log.fill(&mut start)? {
            true if start == START => Ok(log),
            _ => Err(log.wrong("does not begin as a file of W&B does")),
        }
    }

    /// The next message. None at the end, also where the last one was never finished: its run was
    /// killed while writing.
    pub fn next(&mut self) -> Result<Option<Vec<u8>>, Diagnostic> {
        let mut message = Vec::new();
        loop {
            let left = BLOCK - self.at % BLOCK;
            if left < HEAD {
                // The rest of a block is too short for a head, and is padding.
                if !self.fill(&mut vec![0; left])? {
                    return Ok(None);
                }
                continue;
            }
            let mut head = [0; HEAD];
            if !self.fill(&mut head)? {
                return Ok(None);
            }
            let crc = u32::from_le_bytes([head[0], head[1], head[2], head[3]]);
            let length = usize::from(u16::from_le_bytes([head[4], head[5]]));
            let kind = head[6];
            if kind == 0 && length == 0 {
                return Ok(None);
            }
            let mut data = vec![0; length];
            if !self.fill(&mut data)? {
                return Ok(None);
            }
            let mut sum = crc32fast::Hasher::new();
            sum.update(&[kind]);
            sum.update(&data);
            if sum.finalize() != crc {
                return Err(self.wrong("is damaged: a checksum is not that of its record"));
            }
            message.extend_from_slice(&data);
            if message.len() > LARGEST {
                return Err(self.wrong("has a record of more than 256 MiB"));
            }
            match kind {
                // Whole, or last.
                1 | 4 => return Ok(Some(message)),
                2 | 3 => {}
                _ => return Err(self.wrong("has a record of an unknown type")),
            }
        }
    }

    /// False where the file ends before.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<bool, Diagnostic> {
        match self.source.read_exact(buffer) {
            Ok(()) => {
                self.at += buffer.len();
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            Err(error) => Err(Diagnostic::environment(format!(
                "cannot read {}: {error}",
                self.name
            ))),
        }
    }

    fn wrong(&self, what: &str) -> Diagnostic {
        Diagnostic::error(format!("{} {what} (near byte {})", self.name, self.at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u8, data: &[u8]) -> Vec<u8> {
        let mut sum = crc32fast::Hasher::new();
        sum.update(&[kind]);
        sum.update(data);
        let mut bytes = sum.finalize().to_le_bytes().to_vec();
        bytes.extend((data.len() as u16).to_le_bytes());
        bytes.push(kind);
        bytes.extend(data);
        bytes
    }

    fn messages(bytes: &[u8]) -> Result<Vec<Vec<u8>>, Diagnostic> {
        let mut log = Log::open(bytes, "x.wandb")?;
        let mut found = Vec::new();
        while let Some(message) = log.next()? {
            found.push(message);
        }
        Ok(found)
    }

    #[test]
    fn messages_cross_blocks_and_short_ends_are_skipped() {
        let mut bytes = START.to_vec();
        bytes.extend(record(1, b"one"));
        let rest = BLOCK - bytes.len() - HEAD;
        bytes.extend(record(2, &vec![b'a'; rest]));
        bytes.extend(record(4, &vec![b'b'; BLOCK - HEAD - 3]));
        bytes.extend([0; 3]);
        bytes.extend(record(1, b"two"));
        let found = messages(&bytes).unwrap();
        assert_eq!(
            (found.len(), &found[0][..], &found[2][..]),
            (3, &b"one"[..], &b"two"[..])
        );
        assert_eq!(found[1].len(), rest + BLOCK - HEAD - 3);
    }

    #[test]
    fn what_was_never_finished_is_left_out_and_damage_is_an_error() {
        let mut bytes = START.to_vec();
        bytes.extend(record(1, b"one"));
        bytes.extend(&record(1, b"two")[..8]);
        assert_eq!(messages(&bytes).unwrap(), [b"one".to_vec()]);
        bytes[START.len() + HEAD] ^= 1;
        assert!(messages(&bytes).unwrap_err().message.contains("damaged"));
        assert!(
            messages(b"PK\x03\x04...")
                .unwrap_err()
                .message
                .contains("does not begin")
        );
        assert!(messages(b"").is_err());
    }
}
