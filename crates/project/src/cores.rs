//! Work on many like things, shared out among the machine's cores.

use std::panic::resume_unwind;
use std::thread;

/// Fewer are quicker done than shared out.
const FEW: usize = 64;

/// What becomes of each, in their order.
pub(crate) fn map<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    shared_out(items.len(), items.chunks(part(items.len())), |part| {
        part.iter().map(&work).collect()
    })
}

/// The same, of things that are changed in their places.
pub(crate) fn map_mut<T: Send, R: Send>(
    items: &mut [T],
    work: impl Fn(&mut T) -> R + Sync,
) -> Vec<R> {
    let (len, part) = (items.len(), part(items.len()));
    shared_out(len, items.chunks_mut(part), |part| {
        part.iter_mut().map(&work).collect()
    })
}

fn part(len: usize) -> usize {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    len.div_ceil(cores).max(FEW)
}

fn shared_out<P: Send, R: Send>(
    len: usize,
    parts: impl Iterator<Item = P>,
    work: impl Fn(P) -> Vec<R> + Sync,
) -> Vec<R> {
    let mut all = Vec::with_capacity(len);
    thread::scope(|scope| {
        let work = &work;
        let mut parts = parts.peekable();
        let mut others = Vec::new();
        // The last part is this thread's own: of few things there is only that one.
        while let Some(part) = parts.next() {
            match parts.peek() {
                Some(_) => others.push(scope.spawn(move || work(part))),
                None => {
                    let own = work(part);
                    for other in others.drain(..) {
                        all.extend(other.join().unwrap_or_else(|panic| resume_unwind(panic)));
                    }
                    all.extend(own);
                }
            }
        }
    });
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_keep_the_order_of_the_things() {
        for len in [0, 1, FEW, 10 * FEW + 1] {
            let mut items: Vec<usize> = (0..len).collect();
            let doubled: Vec<usize> = items.iter().map(|n| 2 * n).collect();
            assert_eq!(map(&items, |n| 2 * n), doubled);
            let before = map_mut(&mut items, |n| {
                *n *= 2;
                *n / 2
            });
            assert_eq!(before, (0..len).collect::<Vec<_>>());
            assert_eq!(items, doubled);
        }
    }
}
