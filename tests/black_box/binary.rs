//! The file: static, with nothing that would have to be loaded, relocated or set up.

use libc::{PF_W, PF_X, PT_DYNAMIC, PT_INTERP, PT_LOAD, PT_TLS};

use crate::support::{Elf, is_linked_with_libc};

/// What a dynamic section may not ask for: a library, and relocations of the four kinds.
const DYNAMIC_TAGS: [(u64, &str); 5] = [
    (1, "a library"),
    (7, "relocations with addends"),
    (17, "relocations without addends"),
    (23, "relocations of calls"),
    (36, "relative relocations"),
];

#[test]
fn it_is_one_static_file() {
    let file = Elf::of_init();
    let segments = file.segments();
    for (kind, what) in [(PT_INTERP, "a dynamic loader"), (PT_TLS, "thread-local storage")] {
        if kind == PT_TLS && is_linked_with_libc() {
            continue;
        }
        let needed = segments.iter().any(|segment| segment.kind == kind);
        assert!(!needed, "it needs {what}: {segments:#?}");
    }
    for segment in segments.iter().filter(|segment| segment.kind == PT_DYNAMIC) {
        let tags = file.dynamic_tags(segment);
        // musl's start-up code relocates the file itself.
        let tags_to_miss = if is_linked_with_libc() { &DYNAMIC_TAGS[..1] } else { &DYNAMIC_TAGS };
        for (tag, what) in tags_to_miss {
            assert!(!tags.contains(tag), "it needs {what}: tags {tags:?}");
        }
    }
}

#[test]
fn nothing_in_it_is_both_writable_and_executable() {
    let file = Elf::of_init();
    let segments = file.segments();
    for segment in &segments {
        let both = PF_W | PF_X;
        assert_ne!(segment.flags & both, both, "{segments:#?}");
    }
    let loaded = segments.iter().filter(|segment| segment.kind == PT_LOAD);
    let writable: usize =
        loaded.clone().filter(|segment| segment.flags & PF_W != 0).map(|segment| segment.size).sum();
    println!("{} bytes, {} segments loaded, {writable} bytes writable", file.size(), loaded.count());
}
