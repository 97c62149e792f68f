//! Work on a list with a few threads, each taking one run of neighbours.

/// Calls `work` once for every item. Items must not depend on each other: which thread takes which is
/// not part of the result.
pub fn for_each<T: Send>(threads: usize, items: &mut [T], work: impl Fn(&mut T) + Sync) {
    let share = items.len().div_ceil(threads.max(1)).max(1);
    if threads <= 1 || items.len() <= share {
        items.iter_mut().for_each(work);
        return;
    }
    std::thread::scope(|scope| {
        let mut runs = items.chunks_mut(share);
        let own = runs.next();
        for run in runs {
            let work = &work;
            scope.spawn(move || run.iter_mut().for_each(work));
        }
        own.into_iter().flatten().for_each(&work);
    });
}
