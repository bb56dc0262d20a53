//! Matrices and vectors of doubles.

use std::any::Any;
use std::sync::Arc;

use weft_gts::JavaDouble;

use crate::decimal;
use crate::error::{Fault, Kind, Result};
use crate::heap::{List, Object};
use crate::machine::{Flow, Machine, Task};
use crate::value::Value;

/// A pivot smaller than this makes a matrix singular.
const SINGULARITY: f64 = 1e-11;

/// A MATRIX.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Matrix {
    rows: usize,
    columns: usize,
    /// Row by row.
    data: Arc<Vec<f64>>,
}

/// A VECTOR.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Vector(Arc<Vec<f64>>);

/// `[] 1.0 +! 2.0 +! `: the list that a row is.
fn script_row(row: &[f64]) -> String {
    let numbers: String = row.iter().map(|v| format!("{} +! ", JavaDouble(*v))).collect();
    format!("[] {numbers}")
}

fn json_row(row: &[f64]) -> String {
    let numbers: Vec<String> = row.iter().map(|v| JavaDouble(*v).to_string()).collect();
    format!("[{}]", numbers.join(","))
}

/// Numbers with a blank behind each.
fn spaced(numbers: &[f64]) -> String {
    numbers.iter().map(|v| format!("{} ", JavaDouble(*v))).collect()
}

impl Object for Matrix {
    fn type_name(&self) -> &'static str {
        "MATRIX"
    }

    fn footprint(&self) -> usize {
        self.data.len() * 8
    }

    fn json(&self) -> Option<String> {
        let rows: Vec<String> = self.data.chunks(self.columns).map(json_row).collect();
        Some(format!("[{}]", rows.join(",")))
    }

    fn snapshot(&self) -> Option<String> {
        let rows = self.data.chunks(self.columns);
        let rows: String = rows.map(|row| format!("{}+! ", script_row(row))).collect();
        Some(format!("[] {rows}->MAT "))
    }

    fn snapshot_readable(&self) -> Option<String> {
        let row = |row: &[f64]| format!("[ {}]\n", spaced(row));
        let rows: String = self.data.chunks(self.columns).map(row).collect();
        Some(format!("[\n{rows}] ->MAT "))
    }

    fn duplicate(&self) -> Option<Box<dyn Object>> {
        Some(Box::new(self.clone()))
    }

    fn same(&self, other: &dyn Object) -> bool {
        other.as_any().downcast_ref() == Some(self)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

impl Object for Vector {
    fn type_name(&self) -> &'static str {
        "VECTOR"
    }

    fn footprint(&self) -> usize {
        self.0.len() * 8
    }

    fn json(&self) -> Option<String> {
        Some(json_row(&self.0))
    }

    fn snapshot(&self) -> Option<String> {
        Some(format!("{}->VEC ", script_row(&self.0)))
    }

    fn snapshot_readable(&self) -> Option<String> {
        Some(format!("[ {}] ->VEC ", spaced(&self.0)))
    }

    fn duplicate(&self) -> Option<Box<dyn Object>> {
        Some(Box::new(self.clone()))
    }

    fn same(&self, other: &dyn Object) -> bool {
        other.as_any().downcast_ref() == Some(self)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

fn as_matrix(vm: &Machine, value: Value) -> Option<Matrix> {
    match value {
        Value::Object(object) => vm.heap.object::<Matrix>(object).cloned(),
        _ => None,
    }
}

fn as_vector(vm: &Machine, value: Value) -> Option<Vector> {
    match value {
        Value::Object(object) => vm.heap.object::<Vector>(object).cloned(),
        _ => None,
    }
}

fn pop_matrix(vm: &mut Machine) -> Result<Matrix> {
    let value = vm.pop()?;
    as_matrix(vm, value).ok_or_else(|| vm.error("expects a matrix on top of the stack."))
}

fn push_matrix(vm: &mut Machine, rows: usize, columns: usize, data: Vec<f64>) -> Result {
    let matrix = vm.heap.new_object(Matrix { rows, columns, data: Arc::new(data) })?;
    vm.push(matrix)
}

fn push_vector(vm: &mut Machine, data: Vec<f64>) -> Result {
    let vector = vm.heap.new_object(Vector(Arc::new(data)))?;
    vm.push(vector)
}

/// Appends the numbers of a list.
fn numbers(vm: &Machine, list: &List, out: &mut Vec<f64>, message: &str) -> Result {
    for value in list {
        out.push(match value {
            Value::Decimal(v) => decimal::to_double(vm.heap.decimal(*v)),
            value => value.as_f64().ok_or_else(|| vm.error(message))?,
        });
    }
    Ok(())
}

/// `->MAT`.
pub(super) fn to_matrix(vm: &mut Machine) -> Result {
    let value = vm.pop()?;
    if let Some(Vector(data)) = as_vector(vm, value) {
        if data.is_empty() {
            return Err(Fault::kind(Kind::Argument, "0 is smaller than the minimum (1)"));
        }
        return push_matrix(vm, data.len(), 1, data.to_vec());
    }
    let not_nested = "expects a 2D array onto the stack.";
    let list = value.as_list().ok_or_else(|| vm.error(not_nested))?;
    let mut data = Vec::new();
    let mut columns = None;
    for row in vm.heap.list(list) {
        let row = vm.heap.list(row.as_list().ok_or_else(|| vm.error(not_nested))?);
        if *columns.get_or_insert(row.len()) != row.len() {
            return Err(vm.error("expects a common number of columns throughout the 2D array."));
        }
        vm.heap.claim((data.len() + row.len()).saturating_mul(16))?;
        numbers(vm, row, &mut data, "expects a numeric 2D array onto the stack.")?;
    }
    let rows = vm.heap.list(list).len();
    vm.charge(data.len());
    match columns {
        Some(columns) if columns > 0 => push_matrix(vm, rows, columns, data),
        _ => Err(Fault::kind(Kind::Argument, "matrix must have at least one column")),
    }
}

/// `MAT->`.
pub(super) fn from_matrix(vm: &mut Machine) -> Result {
    let matrix = pop_matrix(vm)?;
    vm.heap.claim_values(matrix.data.len().saturating_add(matrix.rows * 4))?;
    vm.charge(matrix.data.len());
    let mut rows = List::with_capacity(matrix.rows);
    for row in matrix.data.chunks(matrix.columns) {
        rows.push(vm.heap.new_list(row.iter().map(|v| Value::Double(*v)).collect())?);
    }
    vm.push_list(rows)
}

/// `->VEC`.
pub(super) fn to_vector(vm: &mut Machine) -> Result {
    let value = vm.pop()?;
    if let Some(matrix) = as_matrix(vm, value) {
        if matrix.columns != 1 {
            return Err(vm.error("expects a matrix with a single column on top of the stack."));
        }
        return push_vector(vm, matrix.data.to_vec());
    }
    let list = value.as_list().ok_or_else(|| vm.error("expects a list onto the stack."))?;
    let values = vm.heap.list(list);
    vm.heap.claim(values.len().saturating_mul(8))?;
    let mut data = Vec::with_capacity(values.len());
    numbers(vm, values, &mut data, "expects a list of numbers onto the stack.")?;
    vm.charge(data.len());
    push_vector(vm, data)
}

/// `VEC->`.
pub(super) fn from_vector(vm: &mut Machine) -> Result {
    let value = vm.pop()?;
    let Some(Vector(data)) = as_vector(vm, value) else {
        return Err(vm.error("expects a vector on top of the stack."));
    };
    vm.heap.claim_values(data.len())?;
    vm.charge(data.len());
    vm.push_list(data.iter().map(|v| Value::Double(*v)).collect())
}

fn not_square(matrix: &Matrix) -> Fault {
    let text = format!("non square ({}x{}) matrix", matrix.rows, matrix.columns);
    Fault::kind(Kind::Argument, text)
}

pub(super) fn trace(vm: &mut Machine) -> Result {
    let matrix = pop_matrix(vm)?;
    if matrix.rows != matrix.columns {
        return Err(not_square(&matrix));
    }
    let diagonal = matrix.data.iter().step_by(matrix.columns + 1);
    vm.push(diagonal.fold(0.0, |sum, v| sum + v))
}

pub(super) fn transpose(vm: &mut Machine) -> Result {
    let Matrix { rows, columns, data } = pop_matrix(vm)?;
    vm.heap.claim(data.len().saturating_mul(8))?;
    vm.charge(data.len());
    let mut out = Vec::with_capacity(data.len());
    for column in 0..columns {
        out.extend((0..rows).map(|row| data[row * columns + column]));
    }
    push_matrix(vm, columns, rows, out)
}

/// What a decomposition is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Goal {
    Determinant,
    Inverse,
}

/// A decomposition into triangular matrices with partial pivoting, column by column.
struct Decompose {
    goal: Goal,
    size: usize,
    /// Both triangles in one, row by row.
    lu: Vec<f64>,
    /// Which row of the matrix each row is.
    pivots: Vec<usize>,
    even: bool,
    singular: bool,
    column: usize,
    /// The inverse, column by column.
    inverse: Vec<f64>,
}

impl Decompose {
    fn at(&self, row: usize, column: usize) -> f64 {
        self.lu[row * self.size + column]
    }

    /// One more column of the triangles.
    fn decompose(&mut self, column: usize) {
        let size = self.size;
        let mut best = (f64::NEG_INFINITY, column);
        for row in 0..size {
            let mut sum = self.at(row, column);
            for index in 0..row.min(column) {
                sum -= self.at(row, index) * self.at(index, column);
            }
            self.lu[row * size + column] = sum;
            if row >= column && sum.abs() > best.0 {
                best = (sum.abs(), row);
            }
        }
        let pivot = best.1;
        if self.at(pivot, column).abs() < SINGULARITY {
            self.singular = true;
            return;
        }
        if pivot != column {
            for index in 0..size {
                self.lu.swap(pivot * size + index, column * size + index);
            }
            self.pivots.swap(pivot, column);
            self.even = !self.even;
        }
        let diagonal = self.at(column, column);
        for row in column + 1..size {
            self.lu[row * size + column] /= diagonal;
        }
    }

    /// One more column of the inverse.
    fn solve(&mut self, column: usize) {
        let size = self.size;
        let mut x: Vec<f64> =
            self.pivots.iter().map(|row| f64::from(u8::from(*row == column))).collect();
        for index in 0..size {
            let value = x[index];
            for (row, entry) in x.iter_mut().enumerate().skip(index + 1) {
                *entry -= value * self.lu[row * size + index];
            }
        }
        for index in (0..size).rev() {
            x[index] /= self.at(index, index);
            let value = x[index];
            for (row, entry) in x.iter_mut().enumerate().take(index) {
                *entry -= value * self.lu[row * size + index];
            }
        }
        self.inverse.extend(x);
    }

    fn determinant(&self) -> f64 {
        if self.singular {
            return 0.0;
        }
        let sign = if self.even { 1.0 } else { -1.0 };
        (0..self.size).fold(sign, |product, index| product * self.at(index, index))
    }
}

impl Task for Decompose {
    fn resume(&mut self, vm: &mut Machine) -> Result<Flow> {
        let size = self.size;
        while self.column < size && !self.singular {
            self.decompose(self.column);
            self.column += 1;
            vm.charge(size * self.column);
            if vm.should_yield() {
                return Ok(Flow::Again);
            }
        }
        if self.goal == Goal::Determinant {
            vm.push(self.determinant())?;
            return Ok(Flow::Done);
        }
        if self.singular {
            return Err(Fault::kind(Kind::Argument, "matrix is singular"));
        }
        while self.column < 2 * size {
            self.solve(self.column - size);
            self.column += 1;
            vm.charge(size * size);
            if vm.should_yield() {
                return Ok(Flow::Again);
            }
        }
        let by_column = std::mem::take(&mut self.inverse);
        let mut data = Vec::with_capacity(by_column.len());
        for row in 0..size {
            data.extend((0..size).map(|column| by_column[column * size + row]));
        }
        push_matrix(vm, size, size, data)?;
        Ok(Flow::Done)
    }
}

fn decompose(vm: &mut Machine, goal: Goal) -> Result {
    let matrix = pop_matrix(vm)?;
    if matrix.rows != matrix.columns {
        return Err(not_square(&matrix));
    }
    vm.heap.claim(matrix.data.len().saturating_mul(24))?;
    vm.push_task(Decompose {
        goal,
        size: matrix.rows,
        lu: matrix.data.to_vec(),
        pivots: (0..matrix.rows).collect(),
        even: true,
        singular: false,
        column: 0,
        inverse: Vec::new(),
    })
}

pub(super) fn determinant(vm: &mut Machine) -> Result {
    decompose(vm, Goal::Determinant)
}

pub(super) fn inverse(vm: &mut Machine) -> Result {
    decompose(vm, Goal::Inverse)
}

/// A product of matrices, row by row.
struct Multiply {
    a: Matrix,
    b: Matrix,
    row: usize,
    out: Vec<f64>,
    /// The result is a vector.
    vector: bool,
}

impl Task for Multiply {
    fn resume(&mut self, vm: &mut Machine) -> Result<Flow> {
        let (inner, columns) = (self.b.rows, self.b.columns);
        while self.row < self.a.rows {
            let row = &self.a.data[self.row * inner..(self.row + 1) * inner];
            for column in 0..columns {
                let entries = self.b.data[column..].iter().step_by(columns);
                let sum = row.iter().zip(entries).fold(0.0, |sum, (a, b)| sum + a * b);
                self.out.push(sum);
            }
            self.row += 1;
            vm.charge(inner * columns);
            if vm.should_yield() {
                return Ok(Flow::Again);
            }
        }
        let out = std::mem::take(&mut self.out);
        if self.vector {
            push_vector(vm, out)?;
        } else {
            push_matrix(vm, self.a.rows, columns, out)?;
        }
        Ok(Flow::Done)
    }
}

fn multiply(vm: &mut Machine, a: Matrix, b: Matrix, vector: bool) -> Result {
    if a.columns != b.rows {
        return Err(mismatch(a.columns, b.rows));
    }
    vm.heap.claim(a.rows.saturating_mul(b.columns).saturating_mul(16))?;
    vm.push_task(Multiply { a, b, row: 0, out: Vec::new(), vector })
}

fn mismatch(a: usize, b: usize) -> Fault {
    Fault::kind(Kind::Argument, format!("{a} != {b}"))
}

/// Entry by entry, for operands of one shape.
fn combine(a: &[f64], b: &[f64], operation: &str) -> Result<Vec<f64>> {
    if a.len() != b.len() {
        return Err(mismatch(a.len(), b.len()));
    }
    let pairs = a.iter().zip(b);
    Ok(if operation == "+" {
        pairs.map(|(a, b)| a + b).collect()
    } else {
        pairs.map(|(a, b)| a - b).collect()
    })
}

/// `+ - * /` where a matrix or a vector is involved; `false` when that is not the case, or when
/// there is no such operation.
pub(in crate::words) fn operate(vm: &mut Machine, a: Value, b: Value) -> Result<bool> {
    if !matches!(a, Value::Object(_)) && !matches!(b, Value::Object(_)) {
        return Ok(false);
    }
    let operation = vm.word.name;
    let matrices = (as_matrix(vm, a), as_matrix(vm, b));
    let vectors = (as_vector(vm, a), as_vector(vm, b));
    let number = |vm: &Machine, value: Value| match value {
        Value::Decimal(v) => Some(decimal::to_double(vm.heap.decimal(v))),
        value => value.as_f64(),
    };
    let (x, y) = (number(vm, a), number(vm, b));
    match (matrices, vectors) {
        ((Some(a), Some(b)), _) if operation == "*" => multiply(vm, a, b, false)?,
        ((Some(a), Some(b)), _) if operation != "/" => {
            if (a.rows, a.columns) != (b.rows, b.columns) {
                return Err(mismatch(a.rows, b.rows));
            }
            let data = combine(&a.data, &b.data, operation)?;
            push_matrix(vm, a.rows, a.columns, data)?;
        }
        ((Some(a), None), (None, Some(v))) if operation == "*" => {
            let column = Matrix { rows: v.0.len(), columns: 1, data: v.0 };
            multiply(vm, a, column, true)?;
        }
        ((None, Some(b)), (Some(v), None)) if operation == "*" => {
            let row = Matrix { rows: 1, columns: v.0.len(), data: v.0 };
            multiply(vm, row, b, true)?;
        }
        ((Some(m), None), (None, None)) | ((None, Some(m)), (None, None)) => {
            let Some(number) = x.or(y) else {
                return Ok(false);
            };
            let data = match operation {
                "+" => m.data.iter().map(|v| v + number).collect(),
                "*" => m.data.iter().map(|v| v * number).collect(),
                _ => return Ok(false),
            };
            push_matrix(vm, m.rows, m.columns, data)?;
        }
        ((None, None), (Some(a), Some(b))) if operation == "+" || operation == "-" => {
            let data = combine(&a.0, &b.0, operation)?;
            push_vector(vm, data)?;
        }
        ((None, None), (Some(v), None)) | ((None, None), (None, Some(v))) => {
            let Some(number) = x.or(y) else {
                return Ok(false);
            };
            let data = match operation {
                "+" => v.0.iter().map(|v| v + number).collect(),
                "*" => v.0.iter().map(|v| v * number).collect(),
                "/" if y.is_some() => v.0.iter().map(|v| v / number).collect(),
                _ => return Ok(false),
            };
            push_vector(vm, data)?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}
