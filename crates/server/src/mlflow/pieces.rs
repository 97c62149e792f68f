//! A part of a file, piece by piece, as the body of an answer.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use futures::stream;

/// How much is read and sent at once: enough that sending costs more than asking for it.
const PIECE: usize = 256 << 10;

pub fn body(file: File, start: u64, length: u64) -> Body {
    let pieces = Pieces {
        file: Arc::new(file),
        at: start,
        end: start + length,
        buffer: BytesMut::new(),
    };
    Body::from_stream(stream::try_unfold(pieces, Pieces::next))
}

struct Pieces {
    file: Arc<File>,
    at: u64,
    end: u64,
    /// Memory of the piece before is used again once that is sent.
    buffer: BytesMut,
}

impl Pieces {
    async fn next(mut self) -> io::Result<Option<(Bytes, Self)>> {
        let wanted = (self.end - self.at).min(PIECE as u64) as usize;
        if wanted == 0 {
            return Ok(None);
        }
        self.buffer.resize(wanted, 0);
        let read = match read_at_hand(&self.file, &mut self.buffer, self.at) {
            Some(read) => read,
            None => self.read_from_disk().await?,
        };
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.at += read as u64;
        self.buffer.truncate(read);
        let piece = self.buffer.split().freeze();
        Ok(Some((piece, self)))
    }

    /// On another thread: this one has other answers to give meanwhile.
    async fn read_from_disk(&mut self) -> io::Result<usize> {
        let (file, at) = (Arc::clone(&self.file), self.at);
        let mut buffer = std::mem::take(&mut self.buffer);
        let read = tokio::task::spawn_blocking(move || {
            let read = file.read_at(&mut buffer, at);
            (read, buffer)
        });
        let (read, buffer) = read.await.map_err(io::Error::other)?;
        self.buffer = buffer;
        read
    }
}

/// What the system has in memory of it, which takes no waiting for a disk; None where it has nothing,
/// or cannot say.
#[cfg(target_os = "linux")]
fn read_at_hand(file: &File, buffer: &mut [u8], at: u64) -> Option<usize> {
    use rustix::io::{ReadWriteFlags, preadv2};
    let mut buffers = [io::IoSliceMut::new(buffer)];
    let read = preadv2(file, &mut buffers, at, ReadWriteFlags::NOWAIT).ok()?;
    (read > 0).then_some(read)
}

#[cfg(not(target_os = "linux"))]
fn read_at_hand(_: &File, _: &mut [u8], _: u64) -> Option<usize> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn sent(content: &[u8], start: u64, length: u64) -> Result<Vec<u8>, axum::Error> {
        let mut file = tempfile::tempfile().unwrap();
        io::Write::write_all(&mut file, content).unwrap();
        let sent = axum::body::to_bytes(body(file, start, length), usize::MAX).await?;
        Ok(sent.to_vec())
    }

    #[tokio::test]
    async fn a_part_is_sent_whole_whatever_its_pieces() {
        let content: Vec<u8> = (0..PIECE * 2 + 77).map(|n| (n % 251) as u8).collect();
        let size = content.len() as u64;
        for (start, length) in [
            (0, size),
            (0, 0),
            (5, 9),
            (PIECE as u64 - 1, 2),
            (3, size - 3),
        ] {
            let expected = &content[start as usize..(start + length) as usize];
            assert_eq!(sent(&content, start, length).await.unwrap(), expected);
        }
    }

    #[tokio::test]
    async fn a_file_that_has_become_shorter_breaks_off() {
        assert!(sent(b"abc", 0, 9).await.is_err());
    }

    #[tokio::test]
    async fn what_is_not_at_hand_is_read_from_the_disk() {
        let mut file = tempfile::tempfile().unwrap();
        io::Write::write_all(&mut file, b"abcdef").unwrap();
        let mut pieces = Pieces {
            file: Arc::new(file),
            at: 2,
            end: 6,
            buffer: BytesMut::zeroed(3),
        };
        assert_eq!(pieces.read_from_disk().await.unwrap(), 3);
        assert_eq!(&pieces.buffer[..], b"cde");
    }
}
