//! Values in other forms: hexadecimal, binary, Base 64 and 58, character sets, compressed bytes,
//! numbers of texts and texts of numbers.

pub(super) mod base;
mod base58;
mod charset;
mod compress;
mod hex;
mod integers;
mod numbers;
mod rlp;

use crate::error::Result;
use crate::heap::Bytes;
use crate::machine::Machine;
use crate::registry::{Family, word};
use crate::value::Value;

pub(super) static FAMILY: Family = Family {
    name: "conversions",
    words: &[
        word(
            "->HEX",
            hex::to_hex,
            "1.0.0",
            "x<BYTES> ->HEX text<STRING>\nx<STRING> ->HEX text<STRING>\nx<LONG> ->HEX text<STRING>\n\
             x<BIGDECIMAL> ->HEX text<STRING>",
            "Bytes, the UTF-8 of a string, or a number in hexadecimal. LONGs have 16 digits.",
            &[("'AB' ->HEX", "[\"4142\"]"), ("-1 ->HEX", "[\"ffffffffffffffff\"]")],
        ),
        word(
            "TOHEX",
            hex::to_hex,
            "1.0.0",
            "x<ANY> TOHEX text<STRING>",
            "The same as ->HEX.",
            &[("255 TOHEX", "[\"00000000000000ff\"]")],
        ),
        word(
            "HEX->",
            hex::from_hex,
            "1.0.0",
            "text<STRING> HEX-> data<BYTES>",
            "Bytes of hexadecimal digits. A missing first digit is a zero.",
            &[("'414' HEX-> ->HEX", "[\"0414\"]"), ("'zz' HEX->", "!Invalid hex character")],
        ),
        word(
            "FROMHEX",
            hex::from_radix,
            "1.0.0",
            "text<STRING> FROMHEX number<LONG>",
            "The number that up to 16 hexadecimal digits make.",
            &[("'ff' FROMHEX", "[255]"), ("'g' FROMHEX", "!For input string")],
        ),
        word(
            "->BIN",
            hex::to_bin,
            "1.0.6",
            "x<BYTES> ->BIN text<STRING>\nx<STRING> ->BIN text<STRING>\nx<LONG> ->BIN text<STRING>\n\
             x<BITSET> ->BIN text<STRING>",
            "Bytes, the UTF-8 of a string, a number or a bit set in binary. LONGs have 64 digits; \
             the first digit of a bit set is its first bit.",
            &[("'A' ->BIN", "[\"01000001\"]")],
        ),
        word(
            "TOBIN",
            hex::to_bin,
            "1.0.0",
            "x<ANY> TOBIN text<STRING>",
            "The same as ->BIN.",
            &[("'A' TOBIN", "[\"01000001\"]")],
        ),
        word(
            "BIN->",
            hex::from_bin,
            "1.0.6",
            "text<STRING> BIN-> data<BYTES>",
            "Bytes of binary digits. Missing first digits are zeros.",
            &[("'0100000101000010' BIN->", "[\"AB\"]")],
        ),
        word(
            "FROMBIN",
            hex::from_radix,
            "1.0.0",
            "text<STRING> FROMBIN number<LONG>",
            "The number that up to 64 binary digits make.",
            &[("'101' FROMBIN", "[5]")],
        ),
        word(
            "BINTOHEX",
            hex::bin_to_hex,
            "1.0.0",
            "text<STRING> BINTOHEX text<STRING>",
            "Hexadecimal digits of binary digits.",
            &[("'10101' BINTOHEX", "[\"15\"]")],
        ),
        word(
            "HEXTOBIN",
            hex::hex_to_bin,
            "1.0.0",
            "text<STRING> HEXTOBIN text<STRING>",
            "Binary digits of hexadecimal digits.",
            &[("'a5' HEXTOBIN", "[\"10100101\"]")],
        ),
        word(
            "->B64",
            base::to_base64,
            "1.0.0",
            "x<BYTES> ->B64 text<STRING>\nx<STRING> ->B64 text<STRING>",
            "Bytes or the UTF-8 of a string in Base 64.",
            &[("'hello' ->B64", "[\"aGVsbG8=\"]")],
        ),
        word(
            "->B64URL",
            base::to_base64,
            "1.0.0",
            "x<BYTES> ->B64URL text<STRING>\nx<STRING> ->B64URL text<STRING>",
            "Bytes or the UTF-8 of a string in the Base 64 of URLs, padded.",
            &[("'hello?' ->B64URL", "[\"aGVsbG8_\"]")],
        ),
        word(
            "B64->",
            base::from_base64,
            "1.0.0",
            "text<STRING> B64-> data<BYTES>",
            "Bytes of Base 64. Line ends and blanks are skipped; the padding may be missing.",
            &[("'aGVsbG8' B64->", "[\"hello\"]"), ("'-_' B64->", "!Unrecognized character")],
        ),
        word(
            "B64URL->",
            base::from_base64,
            "1.0.0",
            "text<STRING> B64URL-> data<BYTES>",
            "Bytes of the Base 64 of URLs.",
            &[("'aGVsbG8_' B64URL->", "[\"hello?\"]")],
        ),
        word(
            "HEXTOB64",
            base::hex_to_base64,
            "1.0.0",
            "text<STRING> HEXTOB64 text<STRING>",
            "Base 64 of hexadecimal digits.",
            &[("'4142' HEXTOB64", "[\"QUI=\"]")],
        ),
        word(
            "B64TOHEX",
            base::base64_to_hex,
            "1.0.0",
            "text<STRING> B64TOHEX text<STRING>",
            "Hexadecimal digits of Base 64.",
            &[("'QUI=' B64TOHEX", "[\"4142\"]")],
        ),
        word(
            "->OPB64",
            base::to_opb64,
            "1.0.6",
            "x<BYTES> ->OPB64 text<STRING>\nx<STRING> ->OPB64 text<STRING>",
            "Bytes or the UTF-8 of a string in an unpadded Base 64 that sorts as the bytes do.",
            &[("'hello' ->OPB64", "[\"P5KgQ5w\"]")],
        ),
        word(
            "OPB64->",
            base::from_opb64,
            "1.0.7",
            "text<STRING> OPB64-> data<BYTES>",
            "Bytes of order-preserving Base 64.",
            &[("'P5KgQ5w' OPB64->", "[\"hello\"]")],
        ),
        word(
            "OPB64TOHEX",
            base::from_opb64,
            "1.0.2",
            "text<STRING> OPB64TOHEX text<STRING>",
            "Hexadecimal digits of order-preserving Base 64.",
            &[("'zzzz' OPB64TOHEX", "[\"ffffff\"]")],
        ),
        word(
            "->B58",
            base58::to_base58,
            "2.8.0",
            "x<BYTES> ->B58 text<STRING>\nx<STRING> ->B58 text<STRING>",
            "Bytes or the UTF-8 of a string in Base 58.",
            &[("'Hello World!' ->B58", "[\"2NEpo7TZRRrLZSi2U\"]")],
        ),
        word(
            "B58->",
            base58::from_base58,
            "2.8.0",
            "text<STRING> B58-> data<BYTES>",
            "Bytes of Base 58.",
            &[("'2NEpo7TZRRrLZSi2U' B58->", "[\"Hello World!\"]")],
        ),
        word(
            "->B58C",
            base58::to_base58,
            "2.8.0",
            "x<BYTES> prefix<BYTES> ->B58C text<STRING>\nx<STRING> prefix<BYTES> ->B58C text<STRING>",
            "A prefix, bytes and their checksum in Base 58.",
            &[("'payload' '00' HEX-> ->B58C", "[\"1UsKdsiFXXB8WxLL\"]")],
        ),
        word(
            "B58C->",
            base58::from_base58,
            "2.8.0",
            "text<STRING> prefix<BYTES> B58C-> data<BYTES>",
            "The bytes that ->B58C was given. Prefix and checksum must be right.",
            &[("'1UsKdsiFXXB8WxLL' '00' HEX-> B58C->", "[\"payload\"]")],
        ),
        word(
            "->BYTES",
            charset::to_bytes,
            "1.0.6",
            "text<STRING> charset<STRING> ->BYTES data<BYTES>",
            "The bytes of a string in a character set.",
            &[("'h%C3%A9' 'UTF-8' ->BYTES ->HEX", "[\"68c3a9\"]")],
        ),
        word(
            "BYTES->",
            charset::from_bytes,
            "1.0.6",
            "data<BYTES> charset<STRING> BYTES-> text<STRING>",
            "The string that bytes are in a character set.",
            &[("'feff0061' HEX-> 'UTF-16' BYTES->", "[\"a\"]")],
        ),
        word(
            "->LONGBYTES",
            integers::to_long_bytes,
            "2.1.0",
            "number<LONG> width<LONG> ->LONGBYTES data<BYTES>\n\
             numbers<LIST> width<LONG> ->LONGBYTES data<BYTES>",
            "The lowest 1 to 8 bytes of numbers, highest first.",
            &[("258 2 ->LONGBYTES ->HEX", "[\"0102\"]")],
        ),
        word(
            "->VARINT",
            integers::to_varint,
            "2.6.0",
            "number<LONG> ->VARINT data<BYTES>\nnumbers<LIST> ->VARINT data<BYTES>",
            "Numbers in groups of 7 bits, lowest first; the highest bit of a byte says that another \
             follows.",
            &[("300 ->VARINT ->HEX", "[\"ac02\"]")],
        ),
        word(
            "VARINT->",
            integers::from_varint,
            "2.6.0",
            "data<BYTES> VARINT-> numbers<LIST>\ndata<BYTES> count<LONG> VARINT-> numbers<LIST> read<LONG>",
            "Reads what ->VARINT wrote: everything, or so many numbers, and then says how many \
             bytes they took.",
            &[("'ac0201' HEX-> VARINT->", "[[300,1]]")],
        ),
        word(
            "->Z",
            integers::to_morton,
            "1.0.6",
            "numbers<LIST> width<LONG> ->Z data<BYTES>",
            "Interleaves the bits of numbers of a width up to 63.",
            &[("[ 5 3 ] 4 ->Z ->HEX", "[\"27\"]")],
        ),
        word(
            "Z->",
            integers::from_morton,
            "1.0.6",
            "data<BYTES> count<LONG> width<LONG> Z-> numbers<LIST>",
            "Takes apart what ->Z interleaved.",
            &[("'27' HEX-> 2 4 Z->", "[[5,3]]")],
        ),
        word(
            "->RLP",
            rlp::to_rlp,
            "2.8.0",
            "x<ANY> ->RLP data<BYTES>",
            "Encodes strings, bytes, numbers and nested lists of them by recursive length prefixes.",
            &[("[ 'cat' 'dog' ] ->RLP ->HEX", "[\"c88363617483646f67\"]")],
        ),
        word(
            "RLP->",
            rlp::from_rlp,
            "2.8.0",
            "data<BYTES> RLP-> x<ANY>",
            "Decodes what ->RLP encoded, as bytes and lists.",
            &[("'c88363617483646f67' HEX-> RLP->", "[[\"cat\",\"dog\"]]")],
        ),
        word(
            "GZIP",
            compress::compress,
            "1.0.11",
            "data<BYTES> GZIP data<BYTES>\ntext<STRING> GZIP data<BYTES>",
            "Compresses into the format of gzip.",
            &[("'abc' GZIP UNGZIP", "[\"abc\"]")],
        ),
        word(
            "UNGZIP",
            compress::decompress,
            "1.0.11",
            "data<BYTES> UNGZIP data<BYTES>",
            "Decompresses the format of gzip.",
            &[("'1f8b0800000000000003cb48cdc9c9070086a6103605000000' HEX-> UNGZIP", "[\"hello\"]")],
        ),
        word(
            "DEFLATE",
            compress::compress,
            "2.1.0",
            "data<BYTES> DEFLATE data<BYTES>\ntext<STRING> DEFLATE data<BYTES>",
            "Compresses into the format of zlib.",
            &[("'abc' DEFLATE INFLATE", "[\"abc\"]")],
        ),
        word(
            "INFLATE",
            compress::decompress,
            "2.1.0",
            "data<BYTES> INFLATE data<BYTES>",
            "Decompresses the format of zlib.",
            &[("'789ccb48cdc9c90700062c0215' HEX-> INFLATE", "[\"hello\"]")],
        ),
        word(
            "TOBOOLEAN",
            numbers::to_boolean,
            "1.0.5",
            "x<ANY> TOBOOLEAN result<BOOLEAN>",
            "False for a number whose integer part is zero and for the empty string.",
            &[("0 TOBOOLEAN 'false' TOBOOLEAN", "[true,false]")],
        ),
        word(
            "TODOUBLE",
            numbers::to_double,
            "1.0.0",
            "x<ANY> TODOUBLE number<DOUBLE>",
            "A number, boolean or string as a DOUBLE.",
            &[("'1.5' TODOUBLE true TODOUBLE", "[1.0,1.5]")],
        ),
        word(
            "TOLONG",
            numbers::to_long,
            "1.0.0",
            "x<ANY> TOLONG number<LONG>",
            "A number, boolean, string or up to 8 bytes as a LONG. Strings may be hexadecimal (0x, \
             #) or octal (a leading 0).",
            &[("'0x1F' TOLONG '010' TOLONG", "[8,31]"), ("'1.5' TOLONG", "!For input string")],
        ),
        word(
            "TOSTRING",
            numbers::to_string,
            "1.0.0",
            "x<ANY> TOSTRING text<STRING>\ngts<GTS> TOSTRING text<STRING>",
            "A number, boolean or string as a string; a series in the text input format.",
            &[("1e7 TOSTRING", "[\"1.0E7\"]")],
        ),
    ],
};

/// Takes a STRING as UTF-8, or BYTES.
fn pop_data(vm: &mut Machine, message: &str) -> Result<Bytes> {
    let data = match vm.pop()? {
        Value::String(text) => Bytes::from(vm.heap.text(text).as_bytes()),
        Value::Bytes(bytes) => Bytes::clone(vm.heap.bytes(bytes)),
        _ => return Err(vm.error(message)),
    };
    vm.charge(data.len() / 16);
    Ok(data)
}

fn push_bytes(vm: &mut Machine, data: impl Into<Bytes>) -> Result {
    let data = vm.heap.alloc_bytes(data.into())?;
    vm.push(Value::Bytes(data))
}
