//! Files and descriptors, and what /proc tells of processes.

use core::ffi::CStr;
use core::mem::MaybeUninit;
use core::ptr::NonNull;
use core::slice;

use super::{Errno, Pid, Text, join, syscall};
use crate::text::{Line, Piece, take_number};

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
    pub fn read<'b>(&self, buffer: &'b mut [MaybeUninit<u8>]) -> Result<&'b [u8], Errno> {
        // SAFETY: the kernel writes at most as many bytes as `buffer` has, and says how many.
        unsafe {
            let count = syscall!(libc::SYS_read, self.0, buffer.as_mut_ptr(), buffer.len())?;
            Ok(slice::from_raw_parts(buffer.as_ptr().cast(), count as usize))
        }
    }
}

pub(super) fn open(path: Text, flags: i32) -> Result<File, Errno> {
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
#[inline(never)]
pub fn close_from(first: u32) {
    // SAFETY: nothing of the init's own is open.
    if unsafe { syscall!(libc::SYS_close_range, first, u32::MAX) }.is_ok() {
        return;
    }
    let listed = Directory::open(c"/proc/self/fd").and_then(|directory| {
        let own = directory.0.0;
        directory.each_number(&mut move |number| {
            let descriptor = number.get() as u32;
            if descriptor >= first && descriptor != own {
                close(descriptor);
            }
        })
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

    /// Calls `visit` with each name that is a number above 0, be it a process or not: one
    /// kind of `visit` for all is 140 bytes less.
    fn each_number(&self, visit: &mut dyn FnMut(Pid)) -> Result<(), Errno> {
        // `struct linux_dirent64` (`getdents(2)`): length at 16, name at 19.
        const LENGTH: usize = 16;
        const NAME: usize = 19;
        let mut buffer = [MaybeUninit::<u64>::uninit(); 256];
        loop {
            let size = size_of_val(&buffer);
            // SAFETY: the kernel writes at most `size` bytes.
            let filled = unsafe { syscall!(libc::SYS_getdents64, self.0.0, buffer.as_mut_ptr(), size) }?;
            if filled == 0 {
                return Ok(());
            }
            let mut place = 0;
            while place < filled as usize {
                // SAFETY: up to `filled` the kernel has written whole records, each with
                // its length and a name that is a C string.
                let (length, mut name) = unsafe {
                    let record = NonNull::from(&buffer).cast::<u8>().add(place);
                    (record.add(LENGTH).cast::<u16>().read(), Text::at(record.add(NAME)))
                };
                let number = take_number(&mut name).filter(|_| name.is_empty());
                if let Some(number) = number.and_then(|number| Pid::new(number as i32)) {
                    visit(number);
                }
                place = place.wrapping_add(length.into());
            }
        }
    }
}

/// Calls `visit` with each process that /proc shows, in ascending order.
///
/// # Errors
/// As `open(2)` and `getdents(2)` say, ENOENT where /proc is not mounted.
pub fn each_process(visit: &mut dyn FnMut(Pid)) -> Result<(), Errno> {
    Directory::open(c"/proc")?.each_number(visit)
}

/// Room for the start of a file, as a C string.
pub struct Contents<Room: ?Sized = [MaybeUninit<u8>]>(Room);

impl<const SIZE: usize> Contents<[MaybeUninit<u8>; SIZE]> {
    /// Room for one byte less than `SIZE`, with nothing read yet.
    #[must_use]
    #[inline(always)]
    pub fn empty() -> Self {
        const { assert!(SIZE > 0, "no room for the closing null") };
        let mut empty = Contents([MaybeUninit::uninit(); SIZE]);
        let whole: &mut Contents = &mut empty;
        whole.close(0);
        empty
    }
}

impl<Room: ?Sized> Contents<Room> {
    /// What was read.
    #[must_use]
    pub fn text(&self) -> Text<'_> {
        // SAFETY: all who write here write a closing null as well, `empty` first of all.
        unsafe { Text::at(NonNull::from(&self.0).cast()) }
    }
}

impl Contents {
    /// Has it hold `text`, as much of that as there is room for.
    pub fn fill(&mut self, text: &[u8]) {
        let mut places = self.0.iter_mut();
        let _closing = places.next_back();
        let read = places.zip(text).map(|(place, byte)| place.write(*byte)).count();
        self.close(read);
    }

    fn read(&mut self, file: &File) -> Result<(), Errno> {
        let most = self.0.len().saturating_sub(1);
        // SAFETY: the kernel writes at most `most` bytes.
        let read = unsafe { syscall!(libc::SYS_read, file.0, self.0.as_mut_ptr(), most) }?;
        self.close(read as usize);
        Ok(())
    }

    /// Closes the string behind its first bytes, so many of them.
    fn close(&mut self, bytes: usize) {
        if let Some(end) = self.0.get_mut(bytes) {
            end.write(0);
        }
    }
}

/// The longest path that is made of parts: longer than any that a file of 1 KiB names,
/// and short enough for a frame within a page.
const PATH_SIZE: usize = 2048;

/// Reads the start of /proc/`process`/`name` (`proc(5)`); without a process, the
/// caller's own, by what /proc takes it for.
///
/// # Errors
/// ENOENT or ESRCH if the process has gone, EACCES or EPERM if it is not shown.
pub fn read_process(process: Option<Pid>, name: Text, contents: &mut Contents) -> Result<(), Errno> {
    let mut number = Line::new();
    let process = match process {
        Some(process) => {
            process.write(&mut number);
            number.text()
        }
        None => Text::from(c"self"),
    };
    read_file(&[Text::from(c"/proc/"), process, Text::from(c"/")], name, contents)
}

/// Reads the start of the file whose path is made of the parts `path`, of each what
/// stands before a line feed, and of `name`. `contents` is empty if it can't be read.
///
/// # Errors
/// As `open(2)` and `read(2)` say.
pub fn read_file(path: &[Text], name: Text, contents: &mut Contents) -> Result<(), Errno> {
    contents.close(0);
    let mut room = [MaybeUninit::uninit(); PATH_SIZE];
    let path = join(&mut room, path, b'\n', name).ok_or(Errno::ENAMETOOLONG)?;
    contents.read(&open(path, 0)?)
}
