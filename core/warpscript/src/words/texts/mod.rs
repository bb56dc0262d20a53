//! Strings: JSON, templates, regular expressions, formats, parsing.

mod basic;
mod format;
mod format_number;
mod json;
mod matching;
mod optalt;
mod parse;
mod template;

use crate::registry::{Family, word};

pub(super) static FAMILY: Family = Family {
    name: "texts",
    words: &[
        word(
            "->JSON",
            json::to_json,
            "1.0.0",
            "x<ANY> ->JSON text<STRING>",
            "Writes a value as JSON.",
            &[("[ 1 2.0 NULL ] ->JSON", "[\"[1,2.0,null]\"]")],
        ),
        word(
            "JSON->",
            json::from_json,
            "1.0.0",
            "text<STRING> JSON-> x<ANY>",
            "Reads JSON. A missing element of a list or value of a map is NULL; text behind the \
             value is ignored.",
            &[("'{\"a\":[1,2.5]}' JSON->", "[{\"a\":[1,2.5]}]"), ("'' JSON->", "!JSON-> failed")],
        ),
        word(
            "TEMPLATE",
            template::template,
            "1.0.0",
            "template<STRING> values<MAP> TEMPLATE text<STRING>",
            "Fills a Mustache template with the values of a map.",
            &[("'Hello {{name}}!' { 'name' 'Ann' } TEMPLATE", "[\"Hello Ann!\"]")],
        ),
        word(
            "HASH",
            basic::hash,
            "1.0.0",
            "x<STRING> HASH hash<LONG>\nx<BYTES> HASH hash<LONG>\n\
             x<STRING> key0<LONG> key1<LONG> HASH hash<LONG>",
            "The 64-bit SipHash of a string or bytes, with a key of the platform or a given one.",
            &[("'io.warp10.metric' HASH", "[-3311737976887026373]")],
        ),
        word(
            "INDEXOF",
            basic::index_of,
            "2.10.0",
            "list<LIST> x<ANY> n<LONG> INDEXOF indices<LIST>\n\
             text<STRING> part<STRING> n<LONG> INDEXOF indices<LIST>\n\
             data<BYTES> part<BYTES> n<LONG> INDEXOF indices<LIST>\n\
             map<MAP> x<ANY> n<LONG> INDEXOF keys<LIST>\ngts<GTS> x<ANY> n<LONG> INDEXOF indices<LIST>",
            "Where something is found: at most the first n indices or keys, all of them if n is 0.",
            &[("[ 1 2 1 ] 1 0 INDEXOF", "[[0,2]]"), ("'banana' 'an' 1 INDEXOF", "[[1]]")],
        ),
        word(
            "JOIN",
            basic::join,
            "1.0.0",
            "list<LIST> separator<STRING> JOIN text<STRING>\n\
             x1<ANY> xN<ANY> separator<STRING> n<LONG> JOIN text<STRING>",
            "Joins the elements of a list or the n levels below as one string.",
            &[("[ 'a' 'b' ] ', ' JOIN", "[\"a, b\"]"), ("1 2 '-' 2 JOIN", "[\"1-2\"]")],
        ),
        word(
            "SPLIT",
            basic::split,
            "1.0.0",
            "text<STRING> delimiter<STRING> SPLIT parts<LIST>\n\
             text<STRING> delimiter<STRING> limit<LONG> SPLIT parts<LIST>",
            "Splits a string at each occurrence of a character, into at most `limit` parts.",
            &[("'a,b,,c' ',' SPLIT", "[[\"a\",\"b\",\"\",\"c\"]]")],
        ),
        word(
            "SUBSTRING",
            basic::substring,
            "1.0.0",
            "text<STRING> start<LONG> SUBSTRING text<STRING>\n\
             text<STRING> start<LONG> length<LONG> SUBSTRING text<STRING>",
            "A part of a string or of bytes: from an index on, up to a length. Negative indices \
             count from the end.",
            &[("'hello' 1 3 SUBSTRING", "[\"ell\"]"), ("'hello' -2 SUBSTRING", "[\"lo\"]")],
        ),
        word(
            "TOLOWER",
            basic::to_lower,
            "1.0.0",
            "text<STRING> TOLOWER text<STRING>",
            "The string in lower case.",
            &[("'ABC' TOLOWER", "[\"abc\"]")],
        ),
        word(
            "TOUPPER",
            basic::to_upper,
            "1.0.0",
            "text<STRING> TOUPPER text<STRING>",
            "The string in upper case.",
            &[("'abc' TOUPPER", "[\"ABC\"]")],
        ),
        word(
            "TRIM",
            basic::trim,
            "1.0.0",
            "text<STRING> TRIM text<STRING>",
            "The string without blanks and control characters at its ends.",
            &[("' a ' TRIM", "[\"a\"]")],
        ),
        word(
            "URLENCODE",
            basic::url_encode,
            "1.0.0",
            "text<STRING> URLENCODE text<STRING>",
            "Encodes a string for URLs, a blank as `%20`.",
            &[("'a b&c' URLENCODE", "[\"a%20b%26c\"]")],
        ),
        word(
            "URLDECODE",
            basic::url_decode,
            "1.0.0",
            "text<STRING> URLDECODE text<STRING>",
            "Decodes a string of a URL; a plus sign is a blank.",
            &[("'a+b' URLDECODE", "[\"a b\"]")],
        ),
        word(
            "MATCH",
            matching::match_,
            "1.0.0",
            "text<STRING> pattern<STRING> MATCH groups<LIST>\n\
             text<STRING> matcher<MATCHER> MATCH groups<LIST>",
            "The groups of a regular expression that matches a whole string, the whole match \
             first; an empty list if it does not match.",
            &[("'k=v' '(.)=(.)' MATCH", "[[\"k=v\",\"k\",\"v\"]]"), ("'abc' 'b' MATCH", "[[]]")],
        ),
        word(
            "MATCHER",
            matching::matcher,
            "1.0.0",
            "pattern<STRING> MATCHER matcher<MATCHER>",
            "Compiles a regular expression, to be used more than once.",
            &[("'a+' MATCHER TYPEOF", "[\"MATCHER\"]")],
        ),
        word(
            "REPLACE",
            matching::replace,
            "1.1.0",
            "text<STRING> pattern<STRING> replacement<STRING> REPLACE text<STRING>",
            "Replaces the first match of a regular expression. `$1` and `${name}` in the \
             replacement mean groups.",
            &[("'John Smith' '(\\w+) (\\w+)' '$2, $1' REPLACE", "[\"Smith, John\"]")],
        ),
        word(
            "REPLACEALL",
            matching::replace,
            "1.1.0",
            "text<STRING> pattern<STRING> replacement<STRING> REPLACEALL text<STRING>",
            "Replaces all matches of a regular expression.",
            &[("'a-b-c' '-' '+' REPLACEALL", "[\"a+b+c\"]")],
        ),
        word(
            "REOPTALT",
            optalt::reoptalt,
            "1.2.16",
            "texts<LIST> REOPTALT pattern<STRING>",
            "A regular expression that matches any of the given strings, with what they have in \
             common taken out.",
            &[("[ 'foobar' 'foobaz' 'fooqux' ] REOPTALT", "[\"(foo(ba[rz]|qux))\"]")],
        ),
        word(
            "STRINGFORMAT",
            format::string_format,
            "2.2.0",
            "format<STRING> values<LIST> STRINGFORMAT text<STRING>\n\
             format<STRING> values<LIST> locale<STRING> STRINGFORMAT text<STRING>",
            "Formats values as the Formatter of Java does, in the way of a locale.",
            &[("'%25d: %25.2f' [ 5 3.14159 ] STRINGFORMAT", "[\"5: 3.14\"]")],
        ),
        word(
            "PARSE",
            parse::parse,
            "1.0.11",
            "text<STRING> PARSE gts<LIST>",
            "Reads lines of the text input format: one series for each run of lines of the same \
             series.",
            &[(
                "'1// cls{a=b} 5' PARSE",
                "[[{\"c\":\"cls\",\"l\":{\"a\":\"b\"},\"a\":{},\"la\":0,\"v\":[[1,5]]}]]",
            )],
        ),
        word(
            "SMARTPARSE",
            parse::smart_parse,
            "1.2.13",
            "text<STRING> pattern<STRING> SMARTPARSE gts<LIST>\n\
             gts<GTS> pattern<STRING> SMARTPARSE gts<LIST>\n\
             gts<LIST> pattern<STRING> SMARTPARSE gts<LIST>",
            "Makes series of the matches of a regular expression in a string or in the values of \
             series. Names of groups say what they are: `VLname`, `VDname`, `VBname` and `VSname` \
             values, `Lname` labels, `Ts`, `Tms`, `Tus`, `Tns` ticks, `lat`, `lon` and `elev`.",
            &[(
                "'t=21.5' 't=(?<VDt>[0-9.]+)' SMARTPARSE",
                "[[{\"c\":\"t\",\"l\":{},\"a\":{},\"la\":0,\"v\":[[0,21.5]]}]]",
            )],
        ),
    ],
};
