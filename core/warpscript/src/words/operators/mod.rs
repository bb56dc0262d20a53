//! Arithmetic, comparison, logic and bits, on numbers and on series.

mod arithmetic;
pub(in crate::words) mod bits;
mod compare;
mod constants;
mod logic;
pub(crate) mod numeric;
mod series;

use crate::machine::Machine;
use crate::registry::{Family, word};
use crate::value::Value;
pub(in crate::words) use bits::bit_set;
pub(in crate::words) use series::with_values;

pub(super) static ARITHMETIC: Family = Family {
    name: "arithmetic",
    words: &[
        word(
            "+",
            arithmetic::add,
            "1.0.0",
            "a<NUMBER> b<NUMBER> + sum<NUMBER>\na<STRING> b<STRING> + joined<STRING>\n\
             list<LIST> x<ANY> + longer<LIST>\nset<SET> x<ANY> + larger<SET>\n\
             a<MACRO> b<MACRO> + both<MACRO>\na<BYTES> b<BYTES> + joined<BYTES>\n\
             a<GTS> b<GTS> + sums<GTS>\na<GTS> x<NUMBER> + sums<GTS>\na<GTS> x<STRING> + joined<GTS>",
            "Adds two numbers, joins two texts, byte arrays or macros, or makes a list or set with \
             one more element. LONG wraps around, a DOUBLE makes the result DOUBLE. A series and a \
             value give a series with the value added everywhere; two series give one with the sums \
             at the ticks that both have.",
            &[
                ("1 2 +", "[3]"),
                ("1 0.5 +", "[1.5]"),
                ("'a' 'b' +", "[\"ab\"]"),
                ("'a' 1 +", "!can only"),
            ],
        ),
        word(
            "-",
            arithmetic::subtract,
            "1.0.0",
            "a<NUMBER> b<NUMBER> - difference<NUMBER>\na<GTS> b<GTS> - differences<GTS>\n\
             a<GTS> x<NUMBER> - differences<GTS>\nx<NUMBER> a<GTS> - differences<GTS>",
            "Subtracts the top from what is below it: numbers, or the values of series at the ticks \
             that both have.",
            &[("5 3 -", "[2]"), ("MINLONG 1 -", "[9223372036854775807]")],
        ),
        word(
            "*",
            arithmetic::multiply,
            "1.0.0",
            "a<NUMBER> b<NUMBER> * product<NUMBER>\na<GTS> b<GTS> * products<GTS>\n\
             a<GTS> x<NUMBER> * products<GTS>",
            "Multiplies two numbers, or the values of series.",
            &[("6 7 *", "[42]"), ("2 0.5 *", "[1.0]")],
        ),
        word(
            "/",
            arithmetic::divide,
            "1.0.0",
            "a<NUMBER> b<NUMBER> / quotient<NUMBER>\na<GTS> b<GTS> / quotients<GTS>\n\
             a<GTS> x<NUMBER> / quotients<GTS>\nx<NUMBER> a<GTS> / quotients<GTS>",
            "Divides. Two LONG give a LONG, cut towards zero, and dividing a LONG by zero is an error.",
            &[("7 2 /", "[3]"), ("7 2.0 /", "[3.5]"), ("1 0 /", "!/ by zero")],
        ),
        word(
            "%",
            arithmetic::modulo,
            "1.0.0",
            "a<NUMBER> b<NUMBER> % rest<NUMBER>",
            "The rest of a division, with the sign of the dividend.",
            &[("7 3 %", "[1]"), ("-7 3 %", "[-1]"), ("7.5 2 %", "[1.5]")],
        ),
        word(
            "**",
            numeric::power,
            "1.0.0",
            "a<NUMBER> b<NUMBER> ** power<NUMBER>\nlist<LIST> b<NUMBER> ** powers<LIST>\n\
             a<NUMBER> list<LIST> ** powers<LIST>\ngts<GTS> b<NUMBER> ** powers<GTS>\n\
             a<NUMBER> gts<GTS> ** powers<GTS>",
            "Raises to a power. Two LONG give a LONG, at most the largest one.",
            &[("2 10 **", "[1024]"), ("2.0 0.5 **", "[1.4142135623730951]")],
        ),
        word(
            "MAX",
            numeric::maximum,
            "1.0.0",
            "a<NUMBER> b<NUMBER> MAX larger<NUMBER>\nnumbers<LIST> MAX largest<NUMBER>\n\
             gts<GTS> MAX largest<NUMBER>\nnumbers<LIST> b<NUMBER> MAX larger<LIST>\n\
             gts<GTS> b<NUMBER> MAX larger<GTS>",
            "The larger of two numbers, the largest of a list or series, or with a number and a list \
             or series the larger of it and each element.",
            &[("1 2 MAX", "[2]"), ("1 2.5 MAX", "[2.5]")],
        ),
        word(
            "MIN",
            numeric::minimum,
            "1.0.0",
            "a<NUMBER> b<NUMBER> MIN smaller<NUMBER>\nnumbers<LIST> MIN smallest<NUMBER>\n\
             gts<GTS> MIN smallest<NUMBER>\nnumbers<LIST> b<NUMBER> MIN smaller<LIST>\n\
             gts<GTS> b<NUMBER> MIN smaller<GTS>",
            "MAX for the smaller and smallest.",
            &[("1 2 MIN", "[1]"), ("1 2.0 MIN", "[1.0]")],
        ),
    ],
};

pub(super) static COMPARISON: Family = Family {
    name: "comparison",
    words: &[
        word(
            "==",
            compare::equal,
            "1.0.0",
            "a<ANY> b<ANY> == equal<BOOLEAN>\ngts<GTS> x<ANY> == equal<GTS>\na<GTS> b<GTS> == equal<GTS>",
            "Whether two values are equal. Numbers compare by value, LONG and DOUBLE exactly; NaN \
             equals NaN; collections compare by content. A series and a value give the points that \
             are equal to it, two series those of the first that are equal at their tick.",
            &[("1 1.0 ==", "[true]"), ("'a' 1 ==", "[false]"), ("NaN NaN ==", "[true]")],
        ),
        word(
            "!=",
            compare::not_equal,
            "1.0.0",
            "a<ANY> b<ANY> != different<BOOLEAN>\ngts<GTS> x<ANY> != different<GTS>\na<GTS> b<GTS> != different<GTS>",
            "Whether two values differ, as == compares them.",
            &[("1 2 !=", "[true]"), ("NaN NaN !=", "[false]")],
        ),
        word(
            "<",
            compare::less,
            "1.0.0",
            "a<NUMBER> b<NUMBER> < less<BOOLEAN>\na<STRING> b<STRING> < less<BOOLEAN>\n\
             a<BYTES> b<BYTES> < less<BOOLEAN>\ngts<GTS> x<ANY> < less<GTS>\na<GTS> b<GTS> < less<GTS>",
            "Whether the first of two numbers, texts or byte arrays is smaller. NaN is never smaller. \
             Series give the points for which it holds.",
            &[("1 2 <", "[true]"), ("'b' 'a' <", "[false]")],
        ),
        word(
            "<=",
            compare::less_or_equal,
            "1.0.0",
            "a<NUMBER> b<NUMBER> <= holds<BOOLEAN>\na<STRING> b<STRING> <= holds<BOOLEAN>\n\
             a<BYTES> b<BYTES> <= holds<BOOLEAN>\ngts<GTS> x<ANY> <= holds<GTS>\na<GTS> b<GTS> <= holds<GTS>",
            "Whether the first value is smaller than the second or equal to it.",
            &[("2 2.0 <=", "[true]")],
        ),
        word(
            ">",
            compare::greater,
            "1.0.0",
            "a<NUMBER> b<NUMBER> > greater<BOOLEAN>\na<STRING> b<STRING> > greater<BOOLEAN>\n\
             a<BYTES> b<BYTES> > greater<BOOLEAN>\ngts<GTS> x<ANY> > greater<GTS>\na<GTS> b<GTS> > greater<GTS>",
            "Whether the first value is greater than the second.",
            &[("2 1 >", "[true]"), ("NaN 1 >", "[false]")],
        ),
        word(
            ">=",
            compare::greater_or_equal,
            "1.0.0",
            "a<NUMBER> b<NUMBER> >= holds<BOOLEAN>\na<STRING> b<STRING> >= holds<BOOLEAN>\n\
             a<BYTES> b<BYTES> >= holds<BOOLEAN>\ngts<GTS> x<ANY> >= holds<GTS>\na<GTS> b<GTS> >= holds<GTS>",
            "Whether the first value is greater than the second or equal to it.",
            &[("2 2 >=", "[true]")],
        ),
        word(
            "~=",
            compare::almost_equal,
            "1.0.0",
            "a<NUMBER> b<NUMBER> lambda<NUMBER> ~= close<BOOLEAN>",
            "Whether two numbers differ by at most lambda, whatever its sign. Two NaN are close.",
            &[("1.0 1.05 0.1 ~=", "[true]"), ("1 3 1 ~=", "[false]")],
        ),
        word(
            "ISNULL",
            |vm| {
                let top = vm.pop()?;
                vm.push(top.is_null())
            },
            "1.0.0",
            "x<ANY> ISNULL null<BOOLEAN>",
            "Whether the top is NULL.",
            &[("NULL ISNULL", "[true]"), ("0 ISNULL", "[false]")],
        ),
        word(
            "ISNaN",
            |vm| {
                let top = vm.pop()?;
                vm.push(matches!(top, Value::Double(v) if v.is_nan()))
            },
            "1.0.0",
            "x<ANY> ISNaN nan<BOOLEAN>",
            "Whether the top is the DOUBLE that is no number.",
            &[("NaN ISNaN", "[true]"), ("1 ISNaN", "[false]")],
        ),
    ],
};

pub(super) static LOGIC: Family = Family {
    name: "logic",
    words: &[
        word(
            "!",
            logic::not,
            "1.0.0",
            "x<BOOLEAN> ! negated<BOOLEAN>\ngts<GTS> ! negated<GTS>",
            "Negates a BOOLEAN, or the values of a series of them.",
            &[("true !", "[false]"), ("1 !", "!can only operate on a boolean")],
        ),
        word(
            "NOT",
            logic::not,
            "1.0.0",
            "x<BOOLEAN> NOT negated<BOOLEAN>\ngts<GTS> NOT negated<GTS>",
            "Negates a BOOLEAN, or the values of a series of them.",
            &[("false NOT", "[true]")],
        ),
        word(
            "&&",
            logic::and,
            "1.0.0",
            "a<BOOLEAN> b<BOOLEAN> && both<BOOLEAN>\nconditions<LIST> && all<BOOLEAN>\na<GTS> b<GTS> && both<GTS>",
            "Whether both hold. A list holds BOOLEAN and macros that leave one: it is looked at from \
             the start until one does not hold.",
            &[("true false &&", "[false]")],
        ),
        word(
            "AND",
            logic::and,
            "1.0.0",
            "a<BOOLEAN> b<BOOLEAN> AND both<BOOLEAN>\nconditions<LIST> AND all<BOOLEAN>\na<GTS> b<GTS> AND both<GTS>",
            "Whether both hold. A list holds BOOLEAN and macros that leave one: it is looked at from \
             the start until one does not hold.",
            &[("true true AND", "[true]"), ("1 true AND", "!two boolean values")],
        ),
        word(
            "||",
            logic::or,
            "1.0.0",
            "a<BOOLEAN> b<BOOLEAN> || any<BOOLEAN>\nconditions<LIST> || any<BOOLEAN>\na<GTS> b<GTS> || any<GTS>",
            "Whether one holds. A list holds BOOLEAN and macros that leave one: it is looked at from \
             the start until one holds.",
            &[("true false ||", "[true]")],
        ),
        word(
            "OR",
            logic::or,
            "1.0.0",
            "a<BOOLEAN> b<BOOLEAN> OR any<BOOLEAN>\nconditions<LIST> OR any<BOOLEAN>\na<GTS> b<GTS> OR any<GTS>",
            "Whether one holds. A list holds BOOLEAN and macros that leave one: it is looked at from \
             the start until one holds.",
            &[("false false OR", "[false]")],
        ),
    ],
};

pub(super) static BITS: Family = Family {
    name: "bits",
    words: &[
        word(
            "&",
            bits::and,
            "1.0.0",
            "a<LONG> b<LONG> & common<LONG>\na<GTS> b<GTS> & common<GTS>\ngts<GTS> b<LONG> & common<GTS>",
            "The bits that both have, of LONG, BIGDECIMAL without fraction, or series of LONG.",
            &[("12 10 &", "[8]"), ("1.0 1 &", "!two LONG")],
        ),
        word(
            "|",
            bits::or,
            "1.0.0",
            "a<LONG> b<LONG> | any<LONG>\na<GTS> b<GTS> | any<GTS>\ngts<GTS> b<LONG> | any<GTS>",
            "The bits that one of both has.",
            &[("12 10 |", "[14]")],
        ),
        word(
            "^",
            bits::xor,
            "1.0.0",
            "a<LONG> b<LONG> ^ one<LONG>\na<GTS> b<GTS> ^ one<GTS>\ngts<GTS> b<LONG> ^ one<GTS>",
            "The bits that exactly one of both has.",
            &[("12 10 ^", "[6]")],
        ),
        word(
            "<<",
            bits::shift_left,
            "1.0.0",
            "a<LONG> n<LONG> << shifted<LONG>\na<GTS> n<GTS> << shifted<GTS>\ngts<GTS> n<LONG> << shifted<GTS>",
            "Moves bits up by n places, modulo 64.",
            &[("1 4 <<", "[16]")],
        ),
        word(
            ">>",
            bits::shift_right,
            "1.0.0",
            "a<LONG> n<LONG> >> shifted<LONG>\na<GTS> n<GTS> >> shifted<GTS>\ngts<GTS> n<LONG> >> shifted<GTS>",
            "Moves bits down by n places, modulo 64; the sign stays.",
            &[("-16 2 >>", "[-4]")],
        ),
        word(
            ">>>",
            bits::shift_right_unsigned,
            "1.0.0",
            "a<LONG> n<LONG> >>> shifted<LONG>\na<GTS> n<GTS> >>> shifted<GTS>\ngts<GTS> n<LONG> >>> shifted<GTS>",
            "Moves bits down by n places, modulo 64; zeros come in from above.",
            &[("-1 60 >>>", "[15]")],
        ),
        word(
            "~",
            bits::complement,
            "1.0.0",
            "a<LONG> ~ inverted<LONG>",
            "Inverts all bits.",
            &[("0 ~", "[-1]")],
        ),
        word(
            "BYTESTOBITS",
            bits::from_bytes,
            "1.0.6",
            "bytes<BYTES> BYTESTOBITS bits<BITSET>",
            "The bits of bytes, the lowest bit of the first byte first.",
            &[("1 BYTESTOBITS", "!expects")],
        ),
        word(
            "BITSTOBYTES",
            bits::to_bytes,
            "1.0.6",
            "bits<BITSET> BITSTOBYTES bytes<BYTES>",
            "The bytes of bits, without those behind the last bit that is set.",
            &[("1 BITSTOBYTES", "!expects")],
        ),
        word(
            "BITGET",
            bits::get,
            "1.0.5",
            "bits<BITSET> index<LONG> BITGET set<BOOLEAN>",
            "Whether one bit is set.",
            &[("1 0 BITGET", "!expects a bit set")],
        ),
        word(
            "BITCOUNT",
            bits::count,
            "1.0.6",
            "bits<BITSET> BITCOUNT length<LONG> set<LONG>",
            "How many bits there are up to the last that is set, and how many are set.",
            &[("1 BITCOUNT", "!expects a bit set")],
        ),
        word(
            "->DOUBLEBITS",
            bits::double_bits,
            "1.2.3",
            "x<NUMBER> ->DOUBLEBITS bits<LONG>\ngts<GTS> ->DOUBLEBITS bits<GTS>",
            "The bits of a DOUBLE, as a LONG.",
            &[("1.0 ->DOUBLEBITS", "[4607182418800017408]")],
        ),
        word(
            "DOUBLEBITS->",
            bits::bits_double,
            "1.2.3",
            "bits<LONG> DOUBLEBITS-> x<DOUBLE>\nbits<GTS> DOUBLEBITS-> gts<GTS>",
            "The DOUBLE that has these bits.",
            &[("4607182418800017408 DOUBLEBITS->", "[1.0]")],
        ),
        word(
            "->FLOATBITS",
            bits::float_bits,
            "1.2.3",
            "x<NUMBER> ->FLOATBITS bits<LONG>\ngts<GTS> ->FLOATBITS bits<GTS>",
            "The bits of a number with single precision, as a LONG.",
            &[("1.0 ->FLOATBITS", "[1065353216]")],
        ),
        word(
            "FLOATBITS->",
            bits::bits_float,
            "1.2.3",
            "bits<LONG> FLOATBITS-> x<DOUBLE>\nbits<GTS> FLOATBITS-> gts<GTS>",
            "The number with single precision that has these bits.",
            &[("1065353216 FLOATBITS->", "[1.0]")],
        ),
    ],
};

pub(super) use constants::CONSTANTS;

/// The two topmost values, bottom first, without taking them.
#[inline]
fn pair(vm: &Machine) -> Option<(Value, Value)> {
    match vm.visible() {
        [.., a, b] => Some((*a, *b)),
        _ => None,
    }
}

/// Puts one value into the place of the two topmost.
#[inline]
fn replace_pair(vm: &mut Machine, value: Value) {
    vm.stack.pop();
    if let Some(top) = vm.stack.last_mut() {
        *top = value;
    }
}

/// Takes the two topmost values, bottom first.
fn pop_pair(vm: &mut Machine) -> crate::error::Result<(Value, Value)> {
    let b = vm.pop()?;
    Ok((vm.pop()?, b))
}
