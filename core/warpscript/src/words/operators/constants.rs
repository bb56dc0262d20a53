//! Values with a name.

use crate::registry::{Family, word};
use crate::value::Value;

pub(in crate::words) static CONSTANTS: Family = Family {
    name: "constants",
    words: &[
        word(
            "NULL",
            |vm| vm.push(Value::Null),
            "1.0.0",
            "NULL null<NULL>",
            "Pushes NULL.",
            &[("NULL", "[null]")],
        ),
        word(
            "NaN",
            |vm| vm.push(f64::NAN),
            "1.0.0",
            "NaN nan<DOUBLE>",
            "Pushes the DOUBLE that is no number.",
            &[("NaN", "[NaN]")],
        ),
        word(
            "PI",
            |vm| vm.push(std::f64::consts::PI),
            "1.0.0",
            "PI pi<DOUBLE>",
            "Pushes the circumference of a circle of diameter one.",
            &[("PI", "[3.141592653589793]")],
        ),
        word(
            "pi",
            |vm| vm.push(std::f64::consts::PI),
            "1.0.0",
            "pi pi<DOUBLE>",
            "Pushes the circumference of a circle of diameter one.",
            &[("pi PI ==", "[true]")],
        ),
        word(
            "E",
            |vm| vm.push(std::f64::consts::E),
            "1.0.0",
            "E e<DOUBLE>",
            "Pushes the base of the natural logarithm.",
            &[("E", "[2.718281828459045]")],
        ),
        word(
            "e",
            |vm| vm.push(std::f64::consts::E),
            "1.0.0",
            "e e<DOUBLE>",
            "Pushes the base of the natural logarithm.",
            &[("e E ==", "[true]")],
        ),
        word(
            "MAXLONG",
            |vm| vm.push(i64::MAX),
            "1.0.0",
            "MAXLONG largest<LONG>",
            "Pushes the largest LONG.",
            &[("MAXLONG", "[9223372036854775807]")],
        ),
        word(
            "MINLONG",
            |vm| vm.push(i64::MIN),
            "1.0.0",
            "MINLONG smallest<LONG>",
            "Pushes the smallest LONG.",
            &[("MINLONG", "[-9223372036854775808]")],
        ),
    ],
};
