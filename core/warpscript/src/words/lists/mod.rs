//! Lists, maps and sets: making them, taking them apart, walking, sorting, shaping.

mod access;
mod basic;
mod each;
mod pack;
mod shape;
mod sort;

use crate::registry::{Family, word};

pub(super) static FAMILY: Family = Family {
    name: "lists",
    words: &[
        word(
            "+!",
            basic::add_in_place,
            "1.2.0",
            "list<LIST> x<ANY> +! list<LIST>\nset<SET> x<ANY> +! set<SET>",
            "Adds an element to a list or set itself, without a copy.",
            &[("[ 1 ] 2 +!", "[[1,2]]"), ("5 2 +!", "!can only operate on lists and sets.")],
        ),
        word(
            "->SET",
            basic::to_set,
            "1.0.0",
            "list<LIST> ->SET set<SET>",
            "Makes a set of the elements of a list.",
            &[("[ 1 1 2 ] ->SET SET->", "[[1,2]]")],
        ),
        word(
            "SET->",
            basic::from_set,
            "1.0.0",
            "set<SET> SET-> list<LIST>",
            "Makes a list of the members of a set.",
            &[("( 7 ) SET->", "[[7]]")],
        ),
        word(
            "UNSET",
            basic::unset,
            "2.6.0",
            "set<SET> UNSET mark<MARK> x1<ANY> xN<ANY>",
            "Pushes a mark and the members of a set.",
            &[("( 7 ) UNSET ]", "[[7]]")],
        ),
        word(
            "UNLIST",
            basic::unlist,
            "1.0.11",
            "list<LIST> UNLIST mark<MARK> x1<ANY> xN<ANY>",
            "Pushes a mark and the elements of a list.",
            &[("[ 1 2 ] UNLIST", "[2,1,null]")],
        ),
        word(
            "UNMAP",
            basic::unmap,
            "1.0.11",
            "map<MAP> UNMAP mark<MARK> key1<ANY> value1<ANY>",
            "Pushes a mark, then the keys and values of a map.",
            &[("{ 'a' 1 } UNMAP", "[1,\"a\",null]")],
        ),
        word(
            "MAP->",
            basic::from_map,
            "1.0.0",
            "map<MAP> MAP-> key1<ANY> value1<ANY> count<LONG>",
            "Pushes the keys and values of a map and how many they are together.",
            &[("{ 'a' 1 } MAP->", "[2,1,\"a\"]")],
        ),
        word(
            "->MAP",
            basic::to_map,
            "1.0.0",
            "key1<ANY> value1<ANY> count<LONG> ->MAP map<MAP>",
            "Makes a map of the keys and values on the stack; the count is of both together.",
            &[("'a' 1 2 ->MAP", "[{\"a\":1}]"), ("'a' 1 'a' 2 4 ->MAP", "!Duplicate map key 'a'")],
        ),
        word(
            "->LIST",
            basic::to_list,
            "1.0.0",
            "x1<ANY> xN<ANY> n<LONG> ->LIST list<LIST>\nset<SET> ->LIST list<LIST>",
            "Makes a list of the n topmost levels, or of the members of a set.",
            &[("1 2 3 2 ->LIST", "[[2,3],1]")],
        ),
        word(
            "LIST->",
            basic::from_list,
            "1.0.0",
            "list<LIST> LIST-> x1<ANY> xN<ANY> n<LONG>",
            "Pushes the elements of a list and how many they are.",
            &[("[ 5 6 ] LIST->", "[2,6,5]")],
        ),
        word(
            "APPEND",
            basic::append,
            "1.0.0",
            "a<LIST> b<LIST> APPEND a<LIST>\na<MAP> b<MAP> APPEND a<MAP>\na<GTS> b<GTS> APPEND a<GTS>",
            "Adds the elements of the second list, set, map or series to the first one itself.",
            &[("[ 1 ] [ 2 3 ] APPEND", "[[1,2,3]]")],
        ),
        word(
            "CLONE",
            basic::clone,
            "1.0.0",
            "x<ANY> CLONE x<ANY> copy<ANY>",
            "Pushes a copy of a collection, series or encoder. The elements of a collection are \
             shared with the copy.",
            &[("[ 1 ] CLONE 2 +!", "[[1,2],[1]]")],
        ),
        word(
            "REVERSE",
            basic::reverse,
            "1.0.0",
            "list<LIST> REVERSE list<LIST>\ntext<STRING> REVERSE text<STRING>",
            "Reverses a list or bytes in place; a string is copied.",
            &[("[ 1 2 3 ] REVERSE", "[[3,2,1]]"), ("'abc' REVERSE", "[\"cba\"]")],
        ),
        word(
            "CLONEREVERSE",
            basic::reverse,
            "1.0.0",
            "list<LIST> CLONEREVERSE copy<LIST>",
            "A reversed copy of a list, string or bytes.",
            &[("[ 1 2 3 ] DUP CLONEREVERSE", "[[3,2,1],[1,2,3]]")],
        ),
        word(
            "CONTAINS",
            basic::contains,
            "1.0.0",
            "list<LIST> x<ANY> CONTAINS list<LIST> found<BOOLEAN>\n\
             text<STRING> part<STRING> CONTAINS found<BOOLEAN>",
            "Says whether a list or set has an element, or a string a part. Lists and sets stay on \
             the stack.",
            &[("[ 1 2 ] 2 CONTAINS", "[true,[1,2]]"), ("'abc' 'bc' CONTAINS", "[true]")],
        ),
        word(
            "CONTAINSKEY",
            basic::contains_key,
            "1.0.0",
            "map<MAP> key<ANY> CONTAINSKEY map<MAP> found<BOOLEAN>",
            "Says whether a map has a key.",
            &[("{ 'a' 1 } 'a' CONTAINSKEY", "[true,{\"a\":1}]")],
        ),
        word(
            "CONTAINSVALUE",
            basic::contains_value,
            "1.0.0",
            "map<MAP> value<ANY> CONTAINSVALUE map<MAP> found<BOOLEAN>",
            "Says whether a map has a value.",
            &[("{ 'a' 1 } 1 CONTAINSVALUE", "[true,{\"a\":1}]")],
        ),
        word(
            "DIFFERENCE",
            basic::set_operation,
            "1.0.0",
            "a<SET> b<SET> DIFFERENCE set<SET>",
            "The members of the first set that the second one does not have.",
            &[("( 1 2 ) ( 2 ) DIFFERENCE", "[[1]]")],
        ),
        word(
            "INTERSECTION",
            basic::set_operation,
            "1.0.0",
            "a<SET> b<SET> INTERSECTION set<SET>",
            "The members that two sets have in common.",
            &[("( 1 2 ) ( 2 3 ) INTERSECTION", "[[2]]")],
        ),
        word(
            "UNION",
            basic::set_operation,
            "1.0.0",
            "a<SET> b<SET> UNION set<SET>",
            "The members of two sets.",
            &[("( 1 ) ( 1 ) UNION", "[[1]]")],
        ),
        word(
            "IMMUTABLE",
            basic::immutable,
            "1.0.0",
            "x<ANY> IMMUTABLE view<ANY>",
            "A read-only view of a list, set or map. Changing it is an error; it follows changes of \
             what it shows.",
            &[("[ 1 ] IMMUTABLE", "[[1]]"), ("[ 1 ] IMMUTABLE 2 +!", "!Unsupported")],
        ),
        word(
            "KEYLIST",
            basic::key_list,
            "1.0.0",
            "map<MAP> KEYLIST keys<LIST>",
            "The keys of a map.",
            &[("{ 'z' 1 'a' 2 } KEYLIST", "[[\"z\",\"a\"]]")],
        ),
        word(
            "VALUELIST",
            basic::key_list,
            "1.0.0",
            "map<MAP> VALUELIST values<LIST>",
            "The values of a map.",
            &[("{ 'z' 1 'a' 2 } VALUELIST", "[[1,2]]")],
        ),
        word(
            "UNIQUE",
            basic::unique,
            "1.0.0",
            "list<LIST> UNIQUE list<LIST>",
            "The distinct elements of a list, in no particular order.",
            &[("[ 1 1 2 ] UNIQUE", "[[1,2]]")],
        ),
        word(
            "SUBMAP",
            basic::submap,
            "1.0.0",
            "map<MAP> keys<LIST> SUBMAP map<MAP>",
            "A map with those entries whose keys are in a list.",
            &[("{ 'a' 1 'b' 2 } [ 'b' ] SUBMAP", "[{\"b\":2}]")],
        ),
        word(
            "MAPID",
            basic::map_id,
            "1.0.0",
            "map<MAP> MAPID id<STRING>",
            "A 128-bit id of the contents of a map, whatever the order of its entries.",
            &[("{ 'a' 1 } MAPID", "[\"533ae24c-a97a-da1b-2262-df1690ce4c0e\"]")],
        ),
        word(
            "SHUFFLE",
            basic::shuffle,
            "2.1.0",
            "list<LIST> SHUFFLE list<LIST>",
            "Puts the elements of a list into a random order, in place.",
            &[("[ 1 2 3 ] SHUFFLE LSORT", "[[1,2,3]]")],
        ),
        word(
            "ZIP",
            basic::zip,
            "1.0.0",
            "lists<LIST> ZIP rows<LIST>",
            "Turns a list of columns into a list of rows. A column of one element is repeated.",
            &[("[ [ 1 2 ] [ 'x' ] ] ZIP", "[[[1,\"x\"],[2,\"x\"]]]")],
        ),
        word(
            "GET",
            access::get,
            "1.0.0",
            "list<LIST> index<LONG> GET x<ANY>\nlist<LIST> path<LIST> GET x<ANY>\n\
             map<MAP> key<ANY> GET value<ANY>\ntext<STRING> index<LONG> GET character<STRING>\n\
             data<BYTES> index<LONG> GET byte<LONG>",
            "The element at an index (from the end when negative), at a path of indices and keys, \
             or behind a key; a key that is not there gives NULL.",
            &[
                ("[ 1 2 3 ] -1 GET", "[3]"),
                ("{ 'a' 1 } 'b' GET", "[null]"),
                ("[ { 'k' [ 5 6 ] } ] [ 0 'k' 1 ] GET", "[6]"),
            ],
        ),
        word(
            "PUT",
            access::put,
            "1.0.0",
            "map<MAP> value<ANY> key<ANY> PUT map<MAP>\nlist<LIST> x<ANY> index<LONG> PUT list<LIST>",
            "Puts a value into a map under a key, or into a list at an index.",
            &[("{} 1 'a' PUT", "[{\"a\":1}]")],
        ),
        word(
            "SET",
            access::set,
            "1.0.0",
            "list<LIST> x<ANY> index<LONG> SET list<LIST>\nlist<LIST> x<ANY> path<LIST> SET list<LIST>\n\
             data<BYTES> byte<LONG> index<LONG> SET data<BYTES>",
            "Replaces the element of a list, nested list or bytes.",
            &[("[ 1 2 ] 'x' -1 SET", "[[1,\"x\"]]")],
        ),
        word(
            "REMOVE",
            access::remove,
            "1.0.0",
            "map<MAP> key<ANY> REMOVE map<MAP> value<ANY>\n\
             list<LIST> index<LONG> REMOVE list<LIST> x<ANY>",
            "Removes an entry of a map, a member of a set, an element of a list (in place), or one \
             character, byte or point (of a copy), and pushes what was removed.",
            &[("[ 'a' 'b' ] 0 REMOVE", "[\"a\",[\"b\"]]"), ("'hi' 7 REMOVE", "[null,\"hi\"]")],
        ),
        word(
            "SUBLIST",
            access::sublist,
            "1.0.0",
            "list<LIST> bounds<LIST> SUBLIST list<LIST>\nlist<LIST> indices<LIST> SUBLIST list<LIST>\n\
             list<LIST> start<NUMBER> SUBLIST list<LIST>\n\
             list<LIST> start<NUMBER> end<NUMBER> SUBLIST list<LIST>\n\
             list<LIST> start<NUMBER> end<NUMBER> step<NUMBER> SUBLIST list<LIST>",
            "A part of a list: between two indices, at several indices, or by start, end and step. \
             Negative indices count from the end; both ends are included.",
            &[
                ("[ 1 2 3 4 ] [ 1 2 ] SUBLIST", "[[2,3]]"),
                ("[ 1 2 3 4 ] 3 0 SUBLIST", "[[4,3,2,1]]"),
            ],
        ),
        word(
            "LMAP",
            each::lmap,
            "1.0.0",
            "list<LIST> macro<MACRO> LMAP results<LIST>\n\
             list<LIST> macro<MACRO> pushIndex<BOOLEAN> LMAP results<LIST>",
            "Runs a macro on each element of a list, with its index on top, and makes a list of the \
             results.",
            &[
                ("[ 1 2 3 ] <% DROP 1 GET %> LMAP", "!GET"),
                ("[ 5 6 ] <% SWAP DROP %> LMAP", "[[0,1]]"),
            ],
        ),
        word(
            "LFLATMAP",
            each::lmap,
            "1.0.0",
            "list<LIST> macro<MACRO> LFLATMAP results<LIST>\n\
             list<LIST> macro<MACRO> pushIndex<BOOLEAN> LFLATMAP results<LIST>",
            "Like LMAP; results that are lists are taken apart.",
            &[("[ 1 2 ] <% [ SWAP 0 ] %> false LFLATMAP", "[[1,0,2,0]]")],
        ),
        word(
            "LFILTER",
            each::lfilter,
            "2.9.0",
            "list<LIST> macro<MACRO> LFILTER list<LIST>\n\
             list<LIST> macro<MACRO> pushIndex<BOOLEAN> LFILTER list<LIST>",
            "The elements of a list for which a macro, given the element and its index, leaves \
             true.",
            &[("[ 5 6 ] <% SWAP DROP [ false true ] SWAP GET %> LFILTER", "[[6]]")],
        ),
        word(
            "FILTERBY",
            each::by,
            "1.2.22",
            "list<LIST> macro<MACRO> FILTERBY list<LIST>",
            "The elements of a list for which a macro leaves true.",
            &[("[ true false ] <% %> FILTERBY", "[[true]]")],
        ),
        word(
            "GROUPBY",
            each::by,
            "1.2.22",
            "list<LIST> macro<MACRO> GROUPBY groups<LIST>",
            "Groups the elements of a list by the result of a macro: a list of pairs, the result \
             and the elements that have it.",
            &[(
                "[ 'a1' 'b1' 'a2' ] <% 0 GET %> GROUPBY",
                "[[[\"a\",[\"a1\",\"a2\"]],[\"b\",[\"b1\"]]]]",
            )],
        ),
        word(
            "MMAP",
            each::mmap,
            "2.7.0",
            "map<MAP> macro<MACRO> MMAP map<MAP>\nmap<MAP> macro<MACRO> pushIndex<BOOLEAN> MMAP map<MAP>",
            "Runs a macro on each entry of a map (key, value, index) and makes a map of the keys \
             and values that it leaves.",
            &[("{ 'a' 'b' } <% DROP SWAP %> MMAP", "[{\"b\":\"a\"}]")],
        ),
        word(
            "MFILTER",
            each::mfilter,
            "2.9.0",
            "map<MAP> macro<MACRO> MFILTER map<MAP>\n\
             map<MAP> macro<MACRO> pushIndex<BOOLEAN> MFILTER map<MAP>",
            "The entries of a map for which a macro, given key, value and index, leaves true.",
            &[("{ 'a' true 'b' false } <% DROP SWAP DROP %> MFILTER", "[{\"a\":true}]")],
        ),
        word(
            "SORTBY",
            each::sortby,
            "1.0.11",
            "list<LIST> macro<MACRO> SORTBY list<LIST>\nmap<MAP> macro<MACRO> SORTBY map<MAP>",
            "Sorts a list or map in place by the number or text that a macro leaves for each \
             element or entry.",
            &[("[ 'b1' 'a2' ] <% 0 GET %> SORTBY", "[[\"a2\",\"b1\"]]")],
        ),
        word(
            "LSORT",
            sort::lsort,
            "1.0.0",
            "list<LIST> LSORT list<LIST>",
            "Sorts a list of values of one type in place.",
            &[("[ 3 1 2 ] LSORT", "[[1,2,3]]"), ("[ 1 'a' ] LSORT", "!common order")],
        ),
        word(
            "MSORT",
            sort::msort,
            "1.0.0",
            "map<MAP> MSORT map<MAP>",
            "Sorts the entries of a map by key, in place.",
            &[("{ 'b' 1 'a' 2 } MSORT", "[{\"a\":2,\"b\":1}]")],
        ),
        word(
            "SORTWITH",
            sort::sortwith,
            "2.2.0",
            "list<LIST> macro<MACRO> SORTWITH list<LIST>\nmap<MAP> macro<MACRO> SORTWITH map<MAP>",
            "Sorts a list or map in place by a macro that compares two elements and leaves a \
             negative LONG, zero or a positive one.",
            &[("[ [ 2 ] [ 1 ] ] <% 0 GET SWAP 0 GET DROP %> SORTWITH", "[[[2],[1]]]")],
        ),
        word(
            "FLATTEN",
            shape::flatten,
            "1.0.0",
            "list<LIST> FLATTEN list<LIST>",
            "The elements of nested lists as one list. Anything else stays as it is.",
            &[("[ 1 [ 2 [ 3 ] ] ] FLATTEN", "[[1,2,3]]")],
        ),
        word(
            "SHAPE",
            shape::shape,
            "2.1.0",
            "tensor<LIST> SHAPE shape<LIST>\ntensor<LIST> fast<BOOLEAN> SHAPE shape<LIST>",
            "The sizes of nested lists by level. Unless `fast`, all lists of a level must be of the \
             same size.",
            &[("[ [ 1 2 3 ] [ 4 5 6 ] ] SHAPE", "[[2,3]]")],
        ),
        word(
            "CHECKSHAPE",
            shape::check_shape,
            "2.1.0",
            "tensor<LIST> CHECKSHAPE coherent<BOOLEAN>",
            "Says whether nested lists have the same size at each level.",
            &[("[ [ 1 2 ] [ 3 ] ] CHECKSHAPE", "[false]")],
        ),
        word(
            "HULLSHAPE",
            shape::hull_shape,
            "2.1.0",
            "lists<LIST> HULLSHAPE shape<LIST>",
            "The largest sizes of nested lists by level.",
            &[("[ 1 [ 2 [ 3 3 3 ] ] ] HULLSHAPE", "[[2,2,3]]")],
        ),
        word(
            "RESHAPE",
            shape::reshape,
            "2.1.0",
            "lists<LIST> shape<LIST> RESHAPE tensor<LIST>",
            "Gives the elements of nested lists another shape.",
            &[("[ 1 2 3 4 ] [ 2 2 ] RESHAPE", "[[[1,2],[3,4]]]")],
        ),
        word(
            "PERMUTE",
            shape::permute,
            "2.1.0",
            "tensor<LIST> pattern<LIST> PERMUTE tensor<LIST>\n\
             tensor<LIST> pattern<LIST> fast<BOOLEAN> PERMUTE tensor<LIST>",
            "Reorders the dimensions of a tensor.",
            &[("[ [ 1 2 ] [ 3 4 ] ] [ 1 0 ] PERMUTE", "[[[1,3],[2,4]]]")],
        ),
        word(
            "PACK",
            pack::pack,
            "1.0.7",
            "values<LIST> format<STRING> PACK data<BYTES>",
            "Packs numbers and booleans into bits. The format is a run of fields: `<Ln` and `>Ln` \
             signed, `<Un` and `>Un` unsigned integers of n bits, `<D` and `>D` doubles (lowest or \
             highest bit first), `B` a boolean, `sn` and `Sn` n zeros or ones.",
            &[("[ 4660 5 ] '>L16<U3' PACK '>U16<U3' UNPACK", "[[4660,5]]")],
        ),
        word(
            "UNPACK",
            pack::unpack,
            "1.0.7",
            "data<BYTES> format<STRING> UNPACK values<LIST>",
            "Reads what PACK packed with the same format.",
            &[("[ true 1.5 ] 'B>D' PACK 'B>D' UNPACK", "[[true,1.5]]")],
        ),
    ],
};
