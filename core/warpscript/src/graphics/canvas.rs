//! The canvas: pictures that scripts draw on.

use super::Picture;
use super::blend::{Blend, over};
use super::filter::Filter;
use super::path::{Matrix, Path, Point};
use super::raster::{self, Grid};
use super::style::{Box4, Style};

/// Why a drawing word fails.
pub(crate) type Refusal = &'static str;

/// What the vertices of a shape make.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    #[default]
    Polygon,
    Points,
    Lines,
    Triangles,
    TriangleStrip,
    TriangleFan,
    Quads,
    QuadStrip,
}

/// A shape that is being made of vertices.
#[derive(Clone, Debug, Default)]
struct Outline {
    kind: Option<Kind>,
    vertices: Vec<Point>,
    /// The last points of a curve.
    curve: Vec<Point>,
    curve_count: usize,
    path: Path,
    /// The contours that are finished, while one inside is drawn; and the other way round.
    other: Path,
    broken: bool,
    in_contour: bool,
}

/// A canvas.
#[derive(Clone, Debug, Default)]
pub(crate) struct Canvas {
    pub(crate) picture: Picture,
    pub(crate) smooth: bool,
    pub(crate) style: Style,
    pub(crate) tightness: f32,
    styles: Vec<Style>,
    matrix: Matrix,
    matrices: Vec<Matrix>,
    /// Left, top, right, bottom of what may be painted.
    clip: Option<[i32; 4]>,
    outline: Outline,
}

/// Matrices that can be pushed.
const MATRICES_MAX: usize = 32;

/// Styles that can be pushed.
const STYLES_MAX: usize = 4096;

fn point(x: f32, y: f32) -> Point {
    (f64::from(x), f64::from(y))
}

impl Canvas {
    /// A transparent canvas.
    pub(crate) fn new(width: usize, height: usize, smooth: bool) -> Self {
        Self { picture: Picture::new(width, height), smooth, ..Self::default() }
    }

    /// Bytes held.
    pub(crate) fn footprint(&self) -> usize {
        let points =
            self.outline.vertices.len() + self.outline.path.len() + self.outline.other.len();
        self.picture.pixels.len() * 4 + points * 16 + self.styles.len() * size_of::<Style>() + 1024
    }

    fn clip(&self) -> [i32; 4] {
        let full = [0, 0, self.picture.width as i32, self.picture.height as i32];
        let Some([left, top, right, bottom]) = self.clip else { return full };
        [left.max(0), top.max(0), right.min(full[2]), bottom.min(full[3])]
    }

    /// Limits drawing to a rectangle.
    pub(crate) fn set_clip(&mut self, numbers: [f32; 4]) {
        let [x1, y1, x2, y2] = self.style.image.corners(numbers);
        let (a, b) = (self.matrix.apply(point(x1, y1)), self.matrix.apply(point(x2, y2)));
        let edge = |value: f64| (value - 0.5).ceil() as i32;
        self.clip =
            Some([edge(a.0.min(b.0)), edge(a.1.min(b.1)), edge(a.0.max(b.0)), edge(a.1.max(b.1))]);
    }

    pub(crate) fn no_clip(&mut self) {
        self.clip = None;
    }

    /// Fills the canvas.
    pub(crate) fn background(&mut self, color: i32) {
        if color >> 24 & 0xff != 0xff {
            self.picture.pixels.fill(color);
            return;
        }
        let [left, top, right, bottom] = self.clip();
        for y in top..bottom {
            for x in left..right {
                self.picture.set(x, y, color);
            }
        }
    }

    pub(crate) fn push_style(&mut self) -> Result<(), Refusal> {
        if self.styles.len() >= STYLES_MAX {
            return Err("too many pushStyle() without popStyle()");
        }
        self.styles.push(self.style.clone());
        Ok(())
    }

    pub(crate) fn pop_style(&mut self) -> Result<(), Refusal> {
        self.style = self.styles.pop().ok_or("Too many popStyle() without enough pushStyle()")?;
        Ok(())
    }

    pub(crate) fn push_matrix(&mut self) -> Result<(), Refusal> {
        if self.matrices.len() >= MATRICES_MAX {
            return Err("pushMatrix() cannot use push more than 32 times");
        }
        self.matrices.push(self.matrix);
        Ok(())
    }

    pub(crate) fn pop_matrix(&mut self) -> Result<(), Refusal> {
        let missing = "missing a pushMatrix() to go with that popMatrix()";
        self.matrix = self.matrices.pop().ok_or(missing)?;
        Ok(())
    }

    pub(crate) fn reset_matrix(&mut self) {
        self.matrix = Matrix::default();
    }

    /// Adds a transformation in front of those that are there.
    pub(crate) fn transform(&mut self, matrix: [f64; 6]) {
        self.matrix = self.matrix.then(matrix);
    }

    /// Work of one drawing, for fuel.
    pub(crate) fn work(&self) -> usize {
        self.picture.pixels.len() / 4 + self.outline.path.len() + 64
    }

    /// Fills and strokes a path as the style has it.
    pub(crate) fn draw(&mut self, path: &Path) {
        self.fill_path(path);
        self.stroke_path(path);
    }

    pub(crate) fn fill_path(&mut self, path: &Path) {
        if let Some(color) = self.style.fill {
            let path = path.transformed(&self.matrix);
            let grid = if self.is_thin() { Grid::Half } else { Grid::Corner };
            self.paint(&path, color, grid);
        }
    }

    /// Whether strokes are no wider than a pixel.
    fn is_thin(&self) -> bool {
        f64::from(self.style.weight) * self.matrix.scale() <= 1.0
    }

    pub(crate) fn stroke_path(&mut self, path: &Path) {
        let Some(color) = self.style.stroke else { return };
        let width = f64::from(self.style.weight);
        let opaque = color >> 24 & 0xff == 0xff && self.style.blend == Blend::Over;
        if !self.smooth && opaque && self.is_thin() {
            let path = path.transformed(&self.matrix);
            self.thin(&path, color);
            return;
        }
        let outline = path.stroked(width, self.style.cap, self.style.join);
        self.paint(&outline.transformed(&self.matrix), color, Grid::Exact);
    }

    fn paint(&mut self, path: &Path, color: i32, grid: Grid) {
        let [left, top, right, bottom] = self.clip();
        if left >= right {
            return;
        }
        let (columns, blend) = (left as usize..right as usize, self.style.blend);
        let Picture { width, height, pixels } = &mut self.picture;
        let (width, height) = (*width, *height);
        raster::fill(path, (width, height), self.smooth, grid, &mut |y, coverage| {
            if !(top..bottom).contains(&(y as i32)) {
                return;
            }
            for x in columns.clone().filter(|x| coverage[*x] > 0) {
                let pixel = &mut pixels[y * width + x];
                let coverage = i32::from(coverage[x]);
                *pixel = put(blend, *pixel, color, coverage);
            }
        });
    }

    /// Strokes of one pixel: straight from pixel to pixel.
    fn thin(&mut self, path: &Path, color: i32) {
        const FAR: f64 = (1 << 24) as f64;
        let clip = self.clip();
        let nearest = |value: f64| (value + 0.5).floor().clamp(-FAR, FAR) as i32;
        let pixel = |(x, y): Point| (nearest(x), nearest(y));
        for contour in &path.contours {
            let close = contour.closed.then(|| contour.points.first()).flatten();
            let mut points = contour.points.iter().chain(close).map(|p| pixel(*p));
            let Some(mut last) = points.next() else { continue };
            for next in points {
                raster::line(last, next, clip, &mut |x, y| self.picture.set(x, y, color));
                last = next;
            }
        }
    }

    pub(crate) fn point(&mut self, x: f32, y: f32) {
        const NEAR: f64 = 0.0001;
        let (x, y) = point(x, y);
        self.stroke_path(&Path::polygon(&[(x, y), (x + NEAR, y + NEAR)], false));
    }

    pub(crate) fn line(&mut self, [x1, y1, x2, y2]: [f32; 4]) {
        self.stroke_path(&Path::polygon(&[point(x1, y1), point(x2, y2)], false));
    }

    /// A closed shape of some corners.
    pub(crate) fn polygon(&mut self, corners: &[Point]) {
        self.draw(&Path::polygon(corners, true));
    }

    /// A rectangle with rounded corners: above left, above right, below right, below left.
    pub(crate) fn rect(&mut self, numbers: [f32; 4], radii: [f32; 4]) {
        let [x1, y1, x2, y2] = self.style.rect.corners(numbers);
        let most = ((x2 - x1) / 2.0).min((y2 - y1) / 2.0);
        let [tl, tr, br, bl] = radii.map(|radius| radius.min(most).max(0.0));
        if [tl, tr, br, bl] == [0.0; 4] {
            return self.polygon(&[point(x1, y1), point(x2, y1), point(x2, y2), point(x1, y2)]);
        }
        let mut path = Path::default();
        let mut corner = |from: (f32, f32), at: (f32, f32), to: (f32, f32)| {
            path.line_to(point(from.0, from.1));
            if from != at {
                quadratic(&mut path, point(at.0, at.1), point(to.0, to.1));
            }
        };
        corner((x2 - tr, y1), (x2, y1), (x2, y1 + tr));
        corner((x2, y2 - br), (x2, y2), (x2 - br, y2));
        corner((x1 + bl, y2), (x1, y2), (x1, y2 - bl));
        corner((x1, y1 + tl), (x1, y1), (x1 + tl, y1));
        path.close();
        self.draw(&path);
    }

    pub(crate) fn ellipse(&mut self, numbers: [f32; 4]) {
        let [x1, y1, x2, y2] = self.style.ellipse.corners(numbers);
        let size = point(x2 - x1, y2 - y1);
        let mut path = Path::arc(point(x1, y1), size, 0.0, std::f64::consts::TAU);
        path.close();
        self.draw(&path);
    }

    /// Part of an ellipse; `mode` is `PIE`, `CHORD`, `OPEN` or nothing.
    pub(crate) fn arc(&mut self, numbers: [f32; 4], from: f32, to: f32, mode: &str) {
        if !(from.is_finite() && to.is_finite() && to > from) {
            return;
        }
        let turn = std::f64::consts::TAU;
        let length = f64::from(to - from).min(turn);
        let from = if from < 0.0 { f64::from(from).rem_euclid(turn) } else { f64::from(from) };
        let [x1, y1, x2, y2] = self.style.ellipse.corners(numbers);
        let open = Path::arc(point(x1, y1), point(x2 - x1, y2 - y1), from, from + length);
        let mut chord = open.clone();
        chord.close();
        let mut pie = open.clone();
        pie.line_to(((f64::from(x1) + f64::from(x2)) / 2.0, (f64::from(y1) + f64::from(y2)) / 2.0));
        pie.close();
        let (fill, stroke) = match mode {
            "OPEN" => (&open, &open),
            "CHORD" => (&chord, &chord),
            "PIE" => (&pie, &pie),
            _ => (&pie, &open),
        };
        self.fill_path(fill);
        self.stroke_path(stroke);
    }

    pub(crate) fn begin_shape(&mut self, kind: Kind) {
        self.outline = Outline { kind: Some(kind), ..Outline::default() };
    }

    pub(crate) fn vertex(&mut self, x: f32, y: f32) {
        let at = point(x, y);
        let outline = &mut self.outline;
        outline.curve_count = 0;
        outline.curve.clear();
        outline.vertices.push(at);
        let v = &outline.vertices;
        let n = v.len();
        let corners: Vec<Point> = match outline.kind {
            Some(Kind::Polygon) => {
                if outline.path.is_empty() || outline.broken {
                    outline.path.move_to(at);
                    outline.broken = false;
                } else {
                    outline.path.line_to(at);
                }
                return;
            }
            Some(Kind::Points) => return self.point(x, y),
            Some(Kind::Lines) if n.is_multiple_of(2) => {
                let line = Path::polygon(&v[n - 2..], false);
                return self.stroke_path(&line);
            }
            Some(Kind::Triangles) if n.is_multiple_of(3) => v[n - 3..].to_vec(),
            Some(Kind::TriangleStrip) if n >= 3 => vec![v[n - 2], at, v[n - 3]],
            Some(Kind::TriangleFan) if n >= 3 => vec![v[0], v[n - 2], at],
            Some(Kind::Quads) if n.is_multiple_of(4) => v[n - 4..].to_vec(),
            Some(Kind::QuadStrip) if n >= 4 && n.is_multiple_of(2) => {
                vec![v[n - 4], v[n - 2], at, v[n - 3]]
            }
            _ => return,
        };
        self.polygon(&corners);
    }

    fn check_curve(&self) -> Result<(), Refusal> {
        if self.outline.kind != Some(Kind::Polygon) {
            return Err(
                "beginShape() or beginShape(POLYGON) must be used before bezierVertex() or \
                        quadraticVertex()",
            );
        }
        if self.outline.vertices.is_empty() {
            return Err("vertex() must be used at least once before bezierVertex() or \
                        quadraticVertex()");
        }
        Ok(())
    }

    pub(crate) fn bezier_vertex(&mut self, n: [f32; 6]) -> Result<(), Refusal> {
        self.check_curve()?;
        self.outline.path.curve_to(point(n[0], n[1]), point(n[2], n[3]), point(n[4], n[5]));
        Ok(())
    }

    pub(crate) fn quadratic_vertex(&mut self, n: [f32; 4]) -> Result<(), Refusal> {
        self.check_curve()?;
        quadratic(&mut self.outline.path, point(n[0], n[1]), point(n[2], n[3]));
        Ok(())
    }

    pub(crate) fn curve_vertex(&mut self, x: f32, y: f32) -> Result<(), Refusal> {
        if self.outline.kind != Some(Kind::Polygon) {
            return Err("You must use beginShape() or beginShape(POLYGON) before curveVertex()");
        }
        let outline = &mut self.outline;
        outline.curve.push(point(x, y));
        outline.curve_count += 1;
        if let [.., before, from, to, after] = outline.curve[..] {
            let pull = (1.0 - f64::from(self.tightness)) / 6.0;
            let control = |at: Point, a: Point, b: Point| {
                (at.0 + (b.0 - a.0) * pull, at.1 + (b.1 - a.1) * pull)
            };
            if outline.path.is_empty() {
                outline.path.move_to(from);
            }
            outline.path.curve_to(control(from, before, to), control(to, after, from), to);
            outline.curve.remove(0);
        }
        Ok(())
    }

    pub(crate) fn begin_contour(&mut self) {
        let outline = &mut self.outline;
        if outline.in_contour {
            return;
        }
        std::mem::swap(&mut outline.path, &mut outline.other);
        outline.broken |= !outline.path.is_empty();
        outline.in_contour = true;
    }

    pub(crate) fn end_contour(&mut self) {
        let outline = &mut self.outline;
        if outline.in_contour {
            outline.path.close();
            std::mem::swap(&mut outline.path, &mut outline.other);
            outline.in_contour = false;
        }
    }

    pub(crate) fn end_shape(&mut self, close: bool) {
        let outline = std::mem::take(&mut self.outline);
        if outline.kind == Some(Kind::Polygon) && !outline.path.is_empty() {
            let mut path = outline.path;
            if close {
                path.close();
            }
            path.contours.extend(outline.other.contours);
            self.draw(&path);
        }
    }

    /// A picture in a rectangle, with the tint of the style.
    pub(crate) fn image(&mut self, picture: &Picture, numbers: [f32; 4]) {
        let [x1, y1, x2, y2] = self.style.image.corners(numbers).map(f32::trunc);
        let tint = self.style.tint;
        let part = [0, 0, picture.width as i32, picture.height as i32];
        let corners = [x1, y1, x2, y2].map(f64::from);
        self.put_picture(picture, part, corners, tint);
    }

    /// Paints part of a picture into a rectangle.
    pub(crate) fn put_picture(
        &mut self,
        picture: &Picture,
        [u1, v1, u2, v2]: [i32; 4],
        [x1, y1, x2, y2]: [f64; 4],
        tint: Option<i32>,
    ) {
        let Some(back) = self.matrix.inverse() else { return };
        let corners = [(x1, y1), (x2, y1), (x2, y2), (x1, y2)].map(|p| self.matrix.apply(p));
        let [left, top, right, bottom] = self.clip();
        let bound = |value: f64| value.clamp(-1e9, 1e9) as i32;
        let (xs, ys) = (corners.map(|p| p.0), corners.map(|p| p.1));
        let least =
            |values: [f64; 4]| bound(values.into_iter().fold(f64::INFINITY, f64::min).floor());
        let most =
            |values: [f64; 4]| bound(values.into_iter().fold(f64::NEG_INFINITY, f64::max).ceil());
        for y in top.max(least(ys))..bottom.min(most(ys)) {
            for x in left.max(least(xs))..right.min(most(xs)) {
                let (px, py) = back.apply((f64::from(x) + 0.5, f64::from(y) + 0.5));
                let (across, down) = ((px - x1) / (x2 - x1), (py - y1) / (y2 - y1));
                if !((0.0..1.0).contains(&across) && (0.0..1.0).contains(&down)) {
                    continue;
                }
                let u = (f64::from(u1) + across * f64::from(u2 - u1)).floor() as i32;
                let v = (f64::from(v1) + down * f64::from(v2 - v1)).floor() as i32;
                if picture.index(u, v).is_none() {
                    continue;
                }
                let color = tinted(picture.get(u, v), tint);
                if let Some(index) = self.picture.index(x, y) {
                    let below = self.picture.pixels[index];
                    self.picture.pixels[index] = put(self.style.blend, below, color, 255);
                }
            }
        }
    }

    /// Copies an area of the canvas to another place.
    pub(crate) fn copy_within(&mut self, [sx, sy, sw, sh, dx, dy, dw, dh]: [i32; 8]) {
        let source = self.picture.clone();
        if (sw, sh) == (dw, dh) {
            for y in 0..sh.min(self.picture.height as i32) {
                for x in 0..sw.min(self.picture.width as i32) {
                    let from = source.index(sx.wrapping_add(x), sy.wrapping_add(y));
                    if let Some(index) = from {
                        self.picture.set(
                            dx.wrapping_add(x),
                            dy.wrapping_add(y),
                            source.pixels[index],
                        );
                    }
                }
            }
            return;
        }
        self.copy_from(&source, [sx, sy, sw, sh, dx, dy, dw, dh]);
    }

    /// Paints an area of a picture into an area of the canvas.
    pub(crate) fn copy_from(&mut self, source: &Picture, n: [i32; 8]) {
        let [sx, sy, sw, sh, dx, dy, dw, dh] = n;
        let part = [sx, sy, sx.saturating_add(sw), sy.saturating_add(sh)];
        let [dx, dy, dw, dh] = [dx, dy, dw, dh].map(f64::from);
        self.put_picture(source, part, [dx, dy, dx + dw, dy + dh], None);
    }

    /// Blends an area of a picture into an area of the canvas, pixel by pixel.
    pub(crate) fn blend(&mut self, source: &Picture, n: [i32; 8], blend: Blend) {
        let [sx, sy, sw, sh, dx, dy, dw, dh] = n.map(i64::from);
        if sw <= 0 || sh <= 0 || dw <= 0 || dh <= 0 {
            return;
        }
        let (width, height) = (self.picture.width as i64, self.picture.height as i64);
        for y in dy.max(0)..(dy + dh).min(height) {
            for x in dx.max(0)..(dx + dw).min(width) {
                let from = (sx + (x - dx) * sw / dw, sy + (y - dy) * sh / dh);
                let from = (i32::try_from(from.0), i32::try_from(from.1));
                let (Ok(u), Ok(v)) = from else { continue };
                let (Some(u), Some(place)) =
                    (source.index(u, v), self.picture.index(x as i32, y as i32))
                else {
                    continue;
                };
                let below = self.picture.pixels[place];
                self.picture.pixels[place] = blend.mix(below, source.pixels[u]);
            }
        }
    }

    /// Applies a filter to the whole canvas.
    pub(crate) fn filter(&mut self, filter: Filter) -> Result<(), Refusal> {
        filter.apply(&mut self.picture).ok_or("/ by zero")
    }

    /// The box that numbers mean for `Pimage` of a picture without a size.
    pub(crate) fn image_box(&self, picture: &Picture, x: f32, y: f32) -> [f32; 4] {
        let (width, height) = (picture.width as f32, picture.height as f32);
        match self.style.image {
            Box4::Corners => [x, y, x + width, y + height],
            _ => [x, y, width, height],
        }
    }
}

fn put(blend: Blend, below: i32, color: i32, coverage: i32) -> i32 {
    if blend == Blend::Over {
        return over(below, color, coverage);
    }
    let alpha = ((color >> 24 & 0xff) * coverage + 127) / 255;
    blend.mix(below, alpha << 24 | color & 0xff_ffff)
}

/// A colour under a tint: products of the parts, a little less than exact.
fn tinted(color: i32, tint: Option<i32>) -> i32 {
    let Some(tint) = tint else { return color };
    let (a, b) = (super::color::parts(color), super::color::parts(tint));
    let part = |i: usize| (a[i] * b[i]) >> 8;
    super::color::pack(part(0), part(1), part(2), part(3))
}

/// A curve with one control point.
fn quadratic(path: &mut Path, control: Point, end: Point) {
    let Some(from) = path.current() else { return path.move_to(end) };
    let near =
        |at: Point| (at.0 + (control.0 - at.0) * 2.0 / 3.0, at.1 + (control.1 - at.1) * 2.0 / 3.0);
    path.curve_to(near(from), near(end), end);
}
