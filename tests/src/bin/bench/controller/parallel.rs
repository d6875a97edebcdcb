//! Many requests at once.

use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use anyhow::Result;
use tokio::task::JoinSet;

/// So many as fill two cores of an API server.
const AT_ONCE: usize = 16;

/// Does something for each number, and ends with the first error.
pub(super) async fn each<F>(numbers: Range<usize>, work: impl Fn(usize) -> F + Send + Sync + 'static) -> Result<()>
where
    F: Future<Output = Result<()>> + Send + 'static,
{
    let next = Arc::new(AtomicUsize::new(numbers.start));
    let work = Arc::new(work);
    let mut tasks = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (next, work, end) = (Arc::clone(&next), Arc::clone(&work), numbers.end);
        tasks.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= end {
                    return Ok(());
                }
                work(number).await?;
            }
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.map_err(anyhow::Error::from).flatten()?;
    }
    Ok(())
}
