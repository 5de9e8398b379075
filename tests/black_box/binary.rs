//! The file: static, with nothing that would have to be loaded, relocated or set up.

use std::fs;

use crate::support::{init_path, is_linked_with_libc};

/// Program header types and flags (`elf(5)`).
const PT_LOAD: u32 = 1;
const PT_DYNAMIC: u32 = 2;
const PT_INTERP: u32 = 3;
const PT_TLS: u32 = 7;
const PF_X: u32 = 1;
const PF_W: u32 = 2;
/// What a dynamic section may not ask for: a library, and relocations of the four kinds.
const DYNAMIC_TAGS: [(u64, &str); 5] = [
    (1, "a library"),
    (7, "relocations with addends"),
    (17, "relocations without addends"),
    (23, "relocations of calls"),
    (36, "relative relocations"),
];

/// One program header of a 64-bit little-endian file.
#[derive(Debug)]
struct Segment {
    kind: u32,
    flags: u32,
    offset: usize,
    size_in_file: usize,
    size: usize,
}

/// A little-endian number of the file.
fn number(file: &[u8], offset: usize, bytes: usize) -> usize {
    let field = &file[offset..offset + bytes];
    field.iter().rev().fold(0, |sum, byte| sum << 8 | usize::from(*byte))
}

fn segments(file: &[u8]) -> Vec<Segment> {
    assert_eq!(file[..6], *b"\x7fELF\x02\x01", "a 64-bit little-endian ELF file");
    let start = number(file, 0x20, 8);
    let (size, count) = (number(file, 0x36, 2), number(file, 0x38, 2));
    (0..count)
        .map(|index| start + index * size)
        .map(|at| Segment {
            kind: number(file, at, 4) as u32,
            flags: number(file, at + 4, 4) as u32,
            offset: number(file, at + 0x08, 8),
            size_in_file: number(file, at + 0x20, 8),
            size: number(file, at + 0x28, 8),
        })
        .collect()
}

/// The tags of a dynamic section.
fn dynamic_tags(file: &[u8], segment: &Segment) -> Vec<u64> {
    let section = &file[segment.offset..][..segment.size_in_file];
    section.chunks_exact(16).map(|entry| number(entry, 0, 8) as u64).collect()
}

#[test]
fn it_is_one_static_file() {
    let file = fs::read(init_path()).expect("the init");
    let segments = segments(&file);
    for (kind, what) in [(PT_INTERP, "a dynamic loader"), (PT_TLS, "thread-local storage")] {
        if kind == PT_TLS && is_linked_with_libc() {
            continue;
        }
        let needed = segments.iter().any(|segment| segment.kind == kind);
        assert!(!needed, "it needs {what}: {segments:#?}");
    }
    for segment in segments.iter().filter(|segment| segment.kind == PT_DYNAMIC) {
        let tags = dynamic_tags(&file, segment);
        for (tag, what) in DYNAMIC_TAGS {
            assert!(!tags.contains(&tag), "it needs {what}: tags {tags:?}");
        }
    }
}

#[test]
fn nothing_in_it_is_both_writable_and_executable() {
    let file = fs::read(init_path()).expect("the init");
    let segments = segments(&file);
    for segment in &segments {
        let both = PF_W | PF_X;
        assert_ne!(segment.flags & both, both, "{segments:#?}");
    }
    let loaded = segments.iter().filter(|segment| segment.kind == PT_LOAD);
    let writable: usize =
        loaded.clone().filter(|segment| segment.flags & PF_W != 0).map(|segment| segment.size).sum();
    println!("{} bytes, {} segments loaded, {writable} bytes writable", file.len(), loaded.count());
}
