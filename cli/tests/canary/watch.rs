//! Watches what a program shows to others while it runs: arguments, environment, and every file that comes into being.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::{Read as _, Seek as _},
    mem::MaybeUninit,
    os::{fd::OwnedFd, unix::fs::PermissionsExt as _},
    path::{Path, PathBuf},
    process::{Child, Output},
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};

/// What was seen.
pub(crate) struct Seen {
    pub output: Output,
    /// Arguments and environments of the program and of all that it started.
    pub processes: BTreeSet<Vec<u8>>,
    /// Files that came into being, also those that are gone.
    pub files: Vec<SeenFile>,
}

/// A file, as it was when it was last written.
pub(crate) struct SeenFile {
    pub path: PathBuf,
    /// Its mode when it appeared.
    pub mode: u32,
    /// The mode of its folder then.
    pub folder_mode: u32,
    pub octets: Vec<u8>,
}

/// An open file stays readable when it is renamed or removed.
struct Held {
    path: PathBuf,
    mode: u32,
    folder_mode: u32,
    file: File,
}

struct Watch {
    inotify: OwnedFd,
    folders: BTreeMap<i32, PathBuf>,
    held: Vec<Held>,
}

/// Runs a program to its end, and sees what appears in some folders meanwhile.
pub(crate) fn run(folders: &[PathBuf], start: impl FnOnce() -> Child) -> Seen {
    let inotify = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).expect("inotify");
    let mut watch = Watch { inotify, folders: BTreeMap::new(), held: Vec::new() };
    for folder in folders {
        watch.folder(folder, false);
    }
    let child = start();
    let id = child.id();
    let is_done = AtomicBool::new(false);
    let (output, processes) = thread::scope(|scope| {
        let eyes = scope.spawn(|| {
            let mut processes = BTreeSet::new();
            while !is_done.load(Ordering::Acquire) {
                watch.look();
                look_at_processes(id, &mut processes);
            }
            watch.look();
            processes
        });
        let output = child.wait_with_output().expect("it ends");
        is_done.store(true, Ordering::Release);
        (output, eyes.join().expect("the watch does not fail"))
    });
    let files = watch.held.into_iter().map(|mut held| {
        let mut octets = Vec::new();
        held.file.rewind().and_then(|()| held.file.read_to_end(&mut octets)).expect("an open file can be read");
        SeenFile { path: held.path, mode: held.mode, folder_mode: held.folder_mode, octets }
    });
    Seen { output, processes, files: files.collect() }
}

impl Watch {
    fn folder(&mut self, folder: &Path, is_new: bool) {
        let flags = WatchFlags::CREATE | WatchFlags::MOVED_TO;
        let Ok(id) = inotify::add_watch(&self.inotify, folder, flags) else { return };
        self.folders.insert(id, folder.to_owned());
        // What was made before the watch was there.
        for entry in fs::read_dir(folder).into_iter().flatten().flatten().filter(|_| is_new) {
            self.appeared(&entry.path());
        }
    }

    fn look(&mut self) {
        let mut appeared = Vec::new();
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut events = Reader::new(&self.inotify, &mut buffer);
        while let Ok(event) = events.next() {
            if !event.events().contains(ReadFlags::IGNORED)
                && let (Some(folder), Some(name)) = (self.folders.get(&event.wd()), event.file_name())
            {
                appeared.push(folder.join(name.to_str().expect("UTF-8")));
            }
        }
        for path in &appeared {
            self.appeared(path);
        }
    }

    fn appeared(&mut self, path: &Path) {
        // Folders of others in /dev/shm are none of ours.
        if path.starts_with("/dev/shm") && !path.to_string_lossy().contains("/kseal-") {
            return;
        }
        if path.is_dir() {
            return self.folder(path, true);
        }
        let Ok(file) = File::open(path) else { return };
        let mode = |metadata: fs::Metadata| metadata.permissions().mode() & 0o777;
        let Ok(own) = file.metadata().map(mode) else { return };
        let folder_mode = path.parent().and_then(|it| fs::metadata(it).ok()).map_or(0, mode);
        self.held.push(Held { path: path.to_owned(), mode: own, folder_mode, file });
    }
}

/// The arguments and the environment of a process and of all its children.
fn look_at_processes(id: u32, seen: &mut BTreeSet<Vec<u8>>) {
    for part in ["cmdline", "environ"] {
        seen.extend(fs::read(format!("/proc/{id}/{part}")).ok().filter(|octets| !octets.is_empty()));
    }
    for task in fs::read_dir(format!("/proc/{id}/task")).into_iter().flatten().flatten() {
        let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
        children.split_whitespace().filter_map(|child| child.parse().ok()).for_each(|child| {
            look_at_processes(child, seen);
        });
    }
}
