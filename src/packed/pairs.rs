//! Made by `UPDATE=1 cargo test --test docs pairs` from the words that are packed.

/// What the bytes from 128 on stand for. None stands for one with a higher number, and none for
/// what means something to those who read a text: a digit, a `%` or a control character.
#[rustfmt::skip]
pub(super) static PAIRS: [[u8; 2]; 128] = [
    *b"s ", *b"e ", *b"th", *b"t ", *b", ", *b"ro", *b"ed", *b"or",
    *b"n ", *b"\x82\x81", *b"p\x85", *b"o ", *b"in", *b"er", *b": ", *b"co",
    *b"si", *b"l ", *b"\x86 ", *b"ce", *b"an", *b"ti", *b"re", *b"of",
    *b"it", *b"il", *b"t\x8b", *b"no", *b"d ", *b"o\x88", *b"na", *b"wa",
    *b"IN", *b"\x90g", *b"\xa1\x9e", *b"\x9b\x83", *b"\x8ag", *b"\x87 ", *b"y ", *b"ra",
    *b"m ", *b"le", *b"i\x80", *b" O", *b"\xa4\xa7", *b"\x93s", *b"\x8a\xad", *b"on",
    *b"en", *b"ch", *b"a ", *b"TH", *b"\x89\xac", *b"AR", *b"\xa2\x91", *b"\x97 ",
    *b"st", *b"se", *b"i\x83", *b"] ", *b"ER", *b"E ", *b"wi", *b"\xbe\x82",
    *b"li", *b"ge", *b"ex", *b"ct", *b"a\x80", *b"ON", *b"\xae\x80", *b"\x8cg",
    *b"um", *b"di", *b"b\x81", *b"SI", *b"\xcbG", *b"\xbf ", *b"\xb1 ", *b"\x98\x80",
    *b"\x87y", *b"sa", *b"pa", *b"ou", *b"iv", *b"at", *b"ar", *b"TI",
    *b"AN", *b"\'\x80", *b"\xc7 ", *b"\xb4\xa8", *b"\xabR", *b"\x8fl", *b"\xdd\xa9", *b"\x86\x8e",
    *b"su", *b"op", *b"al", *b"RO", *b"D ", *b"..", *b"\xe5.", *b" \x9a",
    *b"\xd7\xc5", *b"\xd1\xc1", *b"\xe9\x8e", *b"\xb3\xbd", *b"\x9f\x80", *b"\x99l", *b"\x97t", *b"\xee\x9f",
    *b"\x95\x9d", *b"\x8dm", *b"\x82\xaa", *b"wh", *b"up", *b"k\xed", *b"i\x88", *b"de",
    *b"b\xa6", *b"T ", *b"OP", *b"LI", *b"AL", *b"--", *b" [", *b" (",
];
