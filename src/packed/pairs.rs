//! Made by `UPDATE=1 cargo test --test docs pairs` from the words that are packed.

/// What the bytes from 128 on stand for. None stands for one with a higher number, and none for
/// what means something to those who read a text: a digit, a `%` or a control character.
#[rustfmt::skip]
pub(super) static PAIRS: [[u8; 2]; 128] = [
    *b"s ", *b"e ", *b"th", *b"t ", *b", ", *b"ro", *b"d ", *b"or",
    *b"n ", *b"\x82\x81", *b"o ", *b"in", *b"p\x85", *b"er", *b"co", *b": ",
    *b"l ", *b"si", *b"e\x86", *b"ce", *b"ti", *b"no", *b"re", *b"of",
    *b"it", *b"an", *b"t\x8a", *b"il", *b"o\x88", *b"na", *b"ed", *b"a\x80",
    *b"m ", *b"IN", *b"\x95\x83", *b"i\x80", *b"g\x9d", *b"\x91\xa4", *b"\x87 ", *b"y ",
    *b"ra", *b"le", *b"en", *b"ch", *b" O", *b"\x93s", *b"\x8c\xad", *b"\x8cg",
    *b"\xaf\xa8", *b"on", *b"ar", *b"a ", *b"TH", *b"\x89\xb0", *b"AR", *b"\xa5\x90",
    *b"\x97 ", *b"st", *b"se", *b"i\x83", *b"] ", *b"ER", *b"E ", *b"wi",
    *b"\xbf\x82", *b"li", *b"ge", *b"ex", *b"ct", *b"ON", *b"\xae\x80", *b"\xab ",
    *b"\x98\x80", *b"\x8bg", *b"um", *b"di", *b"SI", *b"\xccG", *b"\xc0 ", *b"\xb5\xa0",
    *b"\x87y", *b"u\x83", *b"sa", *b"pa", *b"iv", *b"b\x81", *b"at", *b"TI",
    *b"D ", *b"AN", *b"\xc9 ", *b"\xacR", *b"\x8el", *b"\xdc\xa9", *b"wh", *b"su",
    *b"op", *b"al", *b"RO", *b"..", *b"\xe3.", *b"\'\x80", *b" \x9a", *b"\xd7\xc5",
    *b"\xd2\xc2", *b"\xe8\x8f", *b"\xb4\xbe", *b"\x9e\x8f", *b"\x97t", *b"\xecw", *b"\x94\x9c", *b"\x8dm",
    *b"\x82\xa3", *b"w\x9f", *b"up", *b"i\x88", *b"de", *b"b\xa7", *b"T ", *b"OP",
    *b"LI", *b"AL", *b"--", *b" [", *b" (", *b"\xdd\xc4", *b"\xcb\x96", *b"\xfe\xc4",
];
