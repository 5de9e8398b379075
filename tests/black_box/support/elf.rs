//! What can be read from the file of an init, of whatever architecture (`elf(5)`).

use super::init_path;

/// One program header.
#[derive(Debug)]
pub struct Segment {
    /// `PT_LOAD` and the like.
    pub kind: u32,
    /// `PF_W` and the like.
    pub flags: u32,
    offset: usize,
    size_in_file: usize,
    /// Bytes in memory.
    pub size: usize,
}

/// An ELF file.
pub struct Elf {
    bytes: Vec<u8>,
    is_wide: bool,
    is_big_endian: bool,
}

impl Elf {
    /// The init on the bench.
    pub fn of_init() -> Elf {
        let bytes = std::fs::read(init_path()).expect("the init");
        assert_eq!(bytes[..4], *b"\x7fELF", "an ELF file");
        let (is_wide, is_big_endian) = (bytes[4] == 2, bytes[5] == 2);
        Elf { bytes, is_wide, is_big_endian }
    }

    /// Bytes of the file.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Whether its addresses have 64 bits.
    pub fn is_wide(&self) -> bool {
        self.is_wide
    }

    fn number(&self, offset: usize, bytes: usize) -> usize {
        let field = self.bytes[offset..offset + bytes].iter().map(|byte| usize::from(*byte));
        let add = |sum: usize, byte: usize| sum << 8 | byte;
        if self.is_big_endian { field.fold(0, add) } else { field.rev().fold(0, add) }
    }

    /// An address, or what else is as wide as one.
    fn word(&self, offset: usize) -> usize {
        self.number(offset, if self.is_wide { 8 } else { 4 })
    }

    pub fn segments(&self) -> Vec<Segment> {
        let [start, size, count] = if self.is_wide { [0x20, 0x36, 0x38] } else { [0x1c, 0x2a, 0x2c] };
        let (start, size, count) = (self.word(start), self.number(size, 2), self.number(count, 2));
        let [flags, offset, in_file, in_memory] =
            if self.is_wide { [4, 0x08, 0x20, 0x28] } else { [0x18, 0x04, 0x10, 0x14] };
        (0..count)
            .map(|index| start + index * size)
            .map(|at| Segment {
                kind: self.number(at, 4) as u32,
                flags: self.number(at + flags, 4) as u32,
                offset: self.word(at + offset),
                size_in_file: self.word(at + in_file),
                size: self.word(at + in_memory),
            })
            .collect()
    }

    /// The tags of a dynamic section.
    pub fn dynamic_tags(&self, segment: &Segment) -> Vec<u64> {
        let entry = if self.is_wide { 16 } else { 8 };
        let places = (segment.offset..segment.offset + segment.size_in_file).step_by(entry);
        places.map(|at| self.word(at) as u64).collect()
    }
}
