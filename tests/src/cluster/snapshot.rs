//! Going back to what etcd held before, as after a restore from a backup.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, Result};

use super::{Cluster, Part, guard::Guard};

/// What etcd held at one time.
pub struct Snapshot {
    folder: PathBuf,
    /// It lies in the folder of its cluster.
    _guard: Arc<Guard>,
}

impl Cluster {
    /// Stops the control plane, copies the data of etcd, and goes on. Parts that did not run stay so.
    ///
    /// # Errors
    /// A part does not stop or start, or files cannot be copied.
    pub async fn snapshot(&self) -> Result<Snapshot> {
        let folder = tempfile::Builder::new().prefix("snapshot-").tempdir_in(self.guard.folder())?.keep();
        let stopped = self.stop_all().await?;
        copy(&self.etcd_folder(), &folder)?;
        self.resume_all(&stopped).await?;
        Ok(Snapshot { folder, _guard: Arc::clone(&self.guard) })
    }

    /// Stops the control plane, gives etcd the data of a snapshot, and goes on: everything since then is gone, and
    /// resourceVersions count again from there.
    ///
    /// # Errors
    /// A part does not stop or start, or files cannot be copied.
    pub async fn restore(&self, snapshot: &Snapshot) -> Result<()> {
        self.restore_after(snapshot, async { Ok(()) }).await
    }

    /// The same, where nothing answers until `outage` has passed.
    ///
    /// # Errors
    /// Those of [`Self::restore`], and of `outage`.
    pub async fn restore_after(&self, snapshot: &Snapshot, outage: impl Future<Output = Result<()>>) -> Result<()> {
        let stopped = self.stop_all().await?;
        outage.await?;
        fs::remove_dir_all(self.etcd_folder())?;
        copy(&snapshot.folder, &self.etcd_folder())?;
        self.resume_all(&stopped).await
    }

    /// Those that ran, in the order in which they were stopped.
    async fn stop_all(&self) -> Result<Vec<Part>> {
        let mut running = vec![Part::ControllerManager, Part::Apiserver, Part::Etcd];
        running.retain(|part| self.process_id(*part).is_ok());
        for part in &running {
            self.stop(*part).await?;
        }
        Ok(running)
    }

    async fn resume_all(&self, stopped: &[Part]) -> Result<()> {
        for part in stopped.iter().rev() {
            self.resume(*part).await?;
        }
        Ok(())
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot list {}", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
