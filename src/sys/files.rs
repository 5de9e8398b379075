//! Files and descriptors, and what /proc tells of processes.

use core::ffi::CStr;

use super::{Errno, Pid, Room, Terminal, Text, check, syscall};
use crate::text::{cut, digits, number};

/// An open file; closed when dropped.
pub struct File(pub(super) u32);

impl Drop for File {
    fn drop(&mut self) {
        close(self.0);
    }
}

impl File {
    /// Opens `path` for reading (`open(2)`), never as a controlling terminal.
    ///
    /// # Errors
    /// As the manual page says.
    pub fn open(path: Text) -> Result<File, Errno> {
        open(path, 0)
    }

    /// Reads from where the last read ended (`read(2)`); gives what was read.
    ///
    /// # Errors
    /// As the manual page says.
    pub fn read<'b>(&self, buffer: &'b mut [u8]) -> Result<&'b [u8], Errno> {
        // SAFETY: the kernel writes at most as many bytes as `buffer` has.
        let count = unsafe { syscall!(libc::SYS_read, self.0, buffer.as_mut_ptr(), buffer.len()) }?;
        Ok(buffer.get(..count as usize).unwrap_or_default())
    }

    pub(crate) fn terminal(&self) -> Terminal {
        Terminal::of(self.0)
    }
}

fn open(path: Text, flags: i32) -> Result<File, Errno> {
    let flags = flags | libc::O_RDONLY | libc::O_CLOEXEC | libc::O_NOCTTY | libc::O_NONBLOCK;
    // SAFETY: `path` is a C string.
    unsafe { syscall!(libc::SYS_openat, libc::AT_FDCWD as isize, path.as_ptr(), flags) }.map(File)
}

pub(super) fn close(descriptor: u32) {
    // SAFETY: only descriptors that nobody uses any more are handed in.
    let _ = unsafe { syscall!(libc::SYS_close, descriptor) };
}

/// Closes every descriptor from `first` on (`close_range(2)`, since Linux 5.9).
/// Where that is refused, those in /proc/self/fd, and without /proc those that
/// the limit allows.
pub fn close_from(first: u32) {
    // SAFETY: nothing of the init's own is open.
    if unsafe { syscall!(libc::SYS_close_range, first, u32::MAX) }.is_ok() {
        return;
    }
    let listed = Directory::open(c"/proc/self/fd").map(|directory| {
        let own = directory.0.0;
        directory.each_number(&mut |descriptor| {
            if descriptor >= first && descriptor != own {
                close(descriptor);
            }
        });
    });
    if listed.is_err() {
        // More than anybody opens, and few enough to be done in a moment.
        const MOST: u64 = 65_536;
        let mut limit = [0u64; 2];
        // SAFETY: `limit` is as large as `struct rlimit64`.
        let _ = unsafe { syscall!(libc::SYS_prlimit64, 0, libc::RLIMIT_NOFILE, 0, limit.as_mut_ptr()) };
        let [_, hard] = limit;
        (first..hard.min(MOST) as u32).for_each(close);
    }
}

/// An open directory of /proc.
struct Directory(File);

impl Directory {
    fn open(path: &CStr) -> Result<Directory, Errno> {
        open(Text::from(path), libc::O_DIRECTORY).map(Directory)
    }

    /// Calls `visit` with each name that is a number.
    fn each_number(&self, visit: &mut dyn FnMut(u32)) {
        // `struct linux_dirent64` (`getdents(2)`): length at 16, name at 19.
        const LENGTH: usize = 16;
        const NAME: usize = 19;
        let mut buffer = [0u64; 256];
        loop {
            let size = size_of_val(&buffer);
            // SAFETY: the kernel writes at most `size` bytes.
            let filled = unsafe { syscall!(libc::SYS_getdents64, self.0.0, buffer.as_mut_ptr(), size) };
            let Ok(filled @ 1..) = filled else { return };
            // SAFETY: bytes of an initialised array of u64.
            let bytes =
                unsafe { core::slice::from_raw_parts(buffer.as_ptr().cast::<u8>(), size.min(filled as usize)) };
            let mut rest = bytes;
            while let Some(&[low, high]) = rest.get(LENGTH..LENGTH + 2) {
                let length = usize::from(u16::from_ne_bytes([low, high]));
                let (name, _) = cut(rest.get(NAME..length).unwrap_or_default(), 0);
                if let Some(number) = number(name) {
                    visit(number);
                }
                let Some(next) = rest.get(length.max(NAME)..) else { break };
                rest = next;
            }
        }
    }
}

/// Calls `visit` with each process that /proc shows, in ascending order.
///
/// # Errors
/// As `open(2)` says, ENOENT where /proc is not mounted.
pub fn each_process(visit: &mut dyn FnMut(Pid)) -> Result<(), Errno> {
    let directory = Directory::open(c"/proc")?;
    directory.each_number(&mut |number| {
        if let Some(pid) = i32::try_from(number).ok().and_then(Pid::new) {
            visit(pid);
        }
    });
    Ok(())
}

/// Reads the start of /proc/`process`/`name` (`proc(5)`); without a process, the
/// caller's own, by what /proc takes it for.
///
/// # Errors
/// ENOENT or ESRCH if the process has gone, EACCES or EPERM if it is not shown.
pub fn read_process<'b>(process: Option<Pid>, name: &str, buffer: &'b mut [u8]) -> Result<&'b [u8], Errno> {
    let mut buffer_of_number = [0; 10];
    let process = match process {
        Some(process) => digits(process.get() as u32, &mut buffer_of_number),
        None => b"self",
    };
    read_file(&[b"/proc/", process, b"/", name.as_bytes()], buffer)
}

/// Reads the start of the file whose path is made of the parts `path`.
///
/// # Errors
/// As `open(2)` and `read(2)` say.
pub fn read_file<'b>(path: &[&[u8]], buffer: &'b mut [u8]) -> Result<&'b [u8], Errno> {
    let mut room = Room::<{ libc::PATH_MAX as usize }>::new();
    open(room.join(path).ok_or(Errno::ENAMETOOLONG)?, 0)?.read(buffer)
}
