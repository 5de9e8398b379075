//! The file: its size, and the segments that the kernel maps (elf(5)).

use super::Bench;
use crate::results::{Column, Figure, Results};

pub fn measure(bench: &Bench, results: &mut Results) {
    results.group(
        "Start",
        vec![Column::new("file", "file", "bytes", 0), Column::count("segments", "LOAD segments")],
    );
    for subject in bench.inits() {
        let seen = std::fs::read(&subject.path).map_err(|error| format!("cannot be read: {error}")).and_then(
            |file| Ok((file.len(), segments(&file).ok_or("is no ELF file of this machine's kind")?)),
        );
        let (size, loads) = match seen {
            Ok((size, segments)) => {
                let note = if segments.needs_a_loader { " + libc" } else { "" };
                let size = Figure { note, ..Figure::exact(size as f64) };
                (Ok(size), Ok(Figure::exact(segments.loads as f64)))
            }
            Err(reason) => (Err(reason.clone()), Err(reason)),
        };
        results.set("file", &subject.name, size);
        results.set("segments", &subject.name, loads);
    }
}

struct Segments {
    loads: usize,
    needs_a_loader: bool,
}

fn segments(file: &[u8]) -> Option<Segments> {
    const PT_LOAD: usize = 1;
    const PT_INTERP: usize = 3;
    let number = |at: usize, length: usize| -> Option<usize> {
        let mut bytes = [0; 8];
        let own = file.get(at..at.checked_add(length)?)?;
        match cfg!(target_endian = "big") {
            true => bytes[8 - length..].copy_from_slice(own),
            false => bytes[..length].copy_from_slice(own),
        }
        Some(usize::from_ne_bytes(bytes))
    };
    // The class says how wide addresses are, and so where the table of segments is told.
    let (table, size, count) = match file.get(..5)? {
        b"\x7fELF\x01" => (number(28, 4)?, number(42, 2)?, number(44, 2)?),
        b"\x7fELF\x02" => (number(32, 8)?, number(54, 2)?, number(56, 2)?),
        _ => return None,
    };
    let mut segments = Segments { loads: 0, needs_a_loader: false };
    for index in 0..count {
        match number(table + index * size, 4)? {
            PT_LOAD => segments.loads += 1,
            PT_INTERP => segments.needs_a_loader = true,
            _ => {}
        }
    }
    Some(segments)
}
