//! The table of words: Colours and numbers.

use super::arguments::numeric;
use super::{color, pictures};
use crate::registry::{Word, word};

pub(super) const COLORS: &[Word] = &[
    word(
        "Pcolor",
        color::color,
        "1.0.0",
        "canvas<PGRAPHICS> gray<NUMBER> Pcolor canvas<PGRAPHICS> color<LONG>\ncanvas<PGRAPHICS> gray<NUMBER> alpha<NUMBER> Pcolor canvas<PGRAPHICS> color<LONG>\ncanvas<PGRAPHICS> a<NUMBER> b<NUMBER> c<NUMBER> Pcolor canvas<PGRAPHICS> color<LONG>\ncanvas<PGRAPHICS> a<NUMBER> b<NUMBER> c<NUMBER> alpha<NUMBER> Pcolor canvas<PGRAPHICS> color<LONG>",
        "A packed colour of a gray or of three numbers, as PcolorMode has them.",
        &[("2 2 '2D0' PGraphics 10 20 30 40 Pcolor SWAP DROP", "[671749150]")],
    ),
    word(
        "PcolorMode",
        color::mode,
        "1.0.0",
        "canvas<PGRAPHICS> mode<STRING> PcolorMode canvas<PGRAPHICS>\ncanvas<PGRAPHICS> mode<STRING> max<NUMBER> PcolorMode canvas<PGRAPHICS>\ncanvas<PGRAPHICS> mode<STRING> a<NUMBER> b<NUMBER> c<NUMBER> PcolorMode canvas<PGRAPHICS>\ncanvas<PGRAPHICS> mode<STRING> a<NUMBER> b<NUMBER> c<NUMBER> alpha<NUMBER> PcolorMode canvas<PGRAPHICS>",
        "What the numbers of a colour mean (`RGB` or `HSB`) and how large they get.",
        &[("2 2 '2D0' PGraphics 'HSB' 360 100 100 PcolorMode TYPEOF", "[\"PGRAPHICS\"]")],
    ),
    word(
        "Palpha",
        |vm| color::part(vm, 0),
        "1.0.0",
        "canvas<PGRAPHICS> color<LONG> Palpha canvas<PGRAPHICS> value<DOUBLE>",
        "Opacity of a packed colour, in the range of PcolorMode.",
        &[("2 2 '2D0' PGraphics 0x01020304 Palpha SWAP DROP", "[1.0]")],
    ),
    word(
        "Pred",
        |vm| color::part(vm, 1),
        "1.0.0",
        "canvas<PGRAPHICS> color<LONG> Pred canvas<PGRAPHICS> value<DOUBLE>",
        "Red of a packed colour, in the range of PcolorMode.",
        &[("2 2 '2D0' PGraphics 0x01020304 Pred SWAP DROP", "[2.0]")],
    ),
    word(
        "Pgreen",
        |vm| color::part(vm, 2),
        "1.0.0",
        "canvas<PGRAPHICS> color<LONG> Pgreen canvas<PGRAPHICS> value<DOUBLE>",
        "Green of a packed colour, in the range of PcolorMode.",
        &[("2 2 '2D0' PGraphics 0x01020304 Pgreen SWAP DROP", "[3.0]")],
    ),
    word(
        "Pblue",
        |vm| color::part(vm, 3),
        "1.0.0",
        "canvas<PGRAPHICS> color<LONG> Pblue canvas<PGRAPHICS> value<DOUBLE>",
        "Blue of a packed colour, in the range of PcolorMode.",
        &[("2 2 '2D0' PGraphics 0x01020304 Pblue SWAP DROP", "[4.0]")],
    ),
    word(
        "Phue",
        |vm| color::hsb(vm, 0),
        "1.0.0",
        "canvas<PGRAPHICS> color<LONG> Phue canvas<PGRAPHICS> value<DOUBLE>",
        "Hue of a packed colour, in the range of PcolorMode.",
        &[("2 2 '2D0' PGraphics 255 Phue SWAP DROP", "[170.0]")],
    ),
    word(
        "Psaturation",
        |vm| color::hsb(vm, 1),
        "1.0.0",
        "canvas<PGRAPHICS> color<LONG> Psaturation canvas<PGRAPHICS> value<DOUBLE>",
        "Saturation of a packed colour, in the range of PcolorMode.",
        &[("2 2 '2D0' PGraphics 255 Psaturation SWAP DROP", "[255.0]")],
    ),
    word(
        "Pbrightness",
        |vm| color::hsb(vm, 2),
        "1.0.0",
        "canvas<PGRAPHICS> color<LONG> Pbrightness canvas<PGRAPHICS> value<DOUBLE>",
        "Brightness of a packed colour, in the range of PcolorMode.",
        &[("2 2 '2D0' PGraphics 255 Pbrightness SWAP DROP", "[255.0]")],
    ),
    word(
        "PlerpColor",
        color::mix,
        "1.0.0",
        "canvas<PGRAPHICS> from<LONG> to<LONG> share<NUMBER> PlerpColor canvas<PGRAPHICS> color<LONG>",
        "A colour between two.",
        &[("2 2 '2D0' PGraphics -65536 -16776961 0 PlerpColor SWAP DROP", "[-65536]")],
    ),
    word(
        "Pbackground",
        color::background,
        "1.0.0",
        "canvas<PGRAPHICS> gray<NUMBER> Pbackground canvas<PGRAPHICS>\ncanvas<PGRAPHICS> gray<NUMBER> alpha<NUMBER> Pbackground canvas<PGRAPHICS>\ncanvas<PGRAPHICS> a<NUMBER> b<NUMBER> c<NUMBER> Pbackground canvas<PGRAPHICS>\ncanvas<PGRAPHICS> a<NUMBER> b<NUMBER> c<NUMBER> alpha<NUMBER> Pbackground canvas<PGRAPHICS>\ncanvas<PGRAPHICS> picture<PIMAGE> Pbackground canvas<PGRAPHICS>",
        "Fills the canvas with a colour or a picture of its size.",
        &[("2 1 '2D' PGraphics 7 Pbackground Ppixels SWAP DROP", "[[-16316665,-16316665]]")],
    ),
    word(
        "Pclear",
        pictures::clear,
        "1.0.0",
        "canvas<PGRAPHICS> Pclear canvas<PGRAPHICS>",
        "Makes the canvas transparent again.",
        &[("1 1 '2D' PGraphics 9 Pbackground Pclear Ppixels SWAP DROP", "[[0]]")],
    ),
    word(
        "Pfill",
        |vm| color::set(vm, |c, color| c.style.fill = Some(color)),
        "1.0.0",
        "canvas<PGRAPHICS> gray<NUMBER> Pfill canvas<PGRAPHICS>\ncanvas<PGRAPHICS> gray<NUMBER> alpha<NUMBER> Pfill canvas<PGRAPHICS>\ncanvas<PGRAPHICS> a<NUMBER> b<NUMBER> c<NUMBER> Pfill canvas<PGRAPHICS>\ncanvas<PGRAPHICS> a<NUMBER> b<NUMBER> c<NUMBER> alpha<NUMBER> Pfill canvas<PGRAPHICS>",
        "The colour that shapes are filled with.",
        &[("2 2 '2D0' PGraphics 255 0 0 Pfill TYPEOF", "[\"PGRAPHICS\"]")],
    ),
    word(
        "Pstroke",
        |vm| color::set(vm, |c, color| c.style.stroke = Some(color)),
        "1.0.0",
        "canvas<PGRAPHICS> gray<NUMBER> Pstroke canvas<PGRAPHICS>\ncanvas<PGRAPHICS> gray<NUMBER> alpha<NUMBER> Pstroke canvas<PGRAPHICS>\ncanvas<PGRAPHICS> a<NUMBER> b<NUMBER> c<NUMBER> Pstroke canvas<PGRAPHICS>\ncanvas<PGRAPHICS> a<NUMBER> b<NUMBER> c<NUMBER> alpha<NUMBER> Pstroke canvas<PGRAPHICS>",
        "The colour of lines and outlines.",
        &[("2 2 '2D0' PGraphics 255 0 0 Pstroke TYPEOF", "[\"PGRAPHICS\"]")],
    ),
    word(
        "Ptint",
        |vm| color::set(vm, |c, color| c.style.tint = Some(color)),
        "1.0.0",
        "canvas<PGRAPHICS> gray<NUMBER> Ptint canvas<PGRAPHICS>\ncanvas<PGRAPHICS> gray<NUMBER> alpha<NUMBER> Ptint canvas<PGRAPHICS>\ncanvas<PGRAPHICS> a<NUMBER> b<NUMBER> c<NUMBER> Ptint canvas<PGRAPHICS>\ncanvas<PGRAPHICS> a<NUMBER> b<NUMBER> c<NUMBER> alpha<NUMBER> Ptint canvas<PGRAPHICS>",
        "The colour that pictures are multiplied with.",
        &[("2 2 '2D0' PGraphics 255 128 Ptint TYPEOF", "[\"PGRAPHICS\"]")],
    ),
    word(
        "PnoFill",
        |vm| {
            numeric(vm, &[0], |c, _| {
                c.style.fill = None;
                Ok(())
            })
        },
        "1.0.0",
        "canvas<PGRAPHICS> PnoFill canvas<PGRAPHICS>",
        "Shapes are not filled.",
        &[("2 2 '2D0' PGraphics PnoFill TYPEOF", "[\"PGRAPHICS\"]")],
    ),
    word(
        "PnoStroke",
        |vm| {
            numeric(vm, &[0], |c, _| {
                c.style.stroke = None;
                Ok(())
            })
        },
        "1.0.0",
        "canvas<PGRAPHICS> PnoStroke canvas<PGRAPHICS>",
        "Shapes have no outline.",
        &[("2 2 '2D0' PGraphics PnoStroke TYPEOF", "[\"PGRAPHICS\"]")],
    ),
    word(
        "PnoTint",
        |vm| {
            numeric(vm, &[0], |c, _| {
                c.style.tint = None;
                Ok(())
            })
        },
        "1.0.0",
        "canvas<PGRAPHICS> PnoTint canvas<PGRAPHICS>",
        "Pictures keep their colours.",
        &[("2 2 '2D0' PGraphics PnoTint TYPEOF", "[\"PGRAPHICS\"]")],
    ),
    word(
        "Pconstrain",
        color::constrain,
        "1.0.0",
        "canvas<PGRAPHICS> value<NUMBER> low<NUMBER> high<NUMBER> Pconstrain canvas<PGRAPHICS> value<NUMBER>",
        "A number kept within two others.",
        &[("2 2 '2D0' PGraphics 11 0 10 Pconstrain SWAP DROP", "[10]")],
    ),
    word(
        "Pdist",
        |vm| color::number(vm, &[4, 6], |n, _| color::distance(n)),
        "1.0.0",
        "canvas<PGRAPHICS> x1<NUMBER> y1<NUMBER> x2<NUMBER> y2<NUMBER> Pdist canvas<PGRAPHICS> result<DOUBLE>\ncanvas<PGRAPHICS> x1<NUMBER> y1<NUMBER> z1<NUMBER> x2<NUMBER> y2<NUMBER> z2<NUMBER> Pdist canvas<PGRAPHICS> result<DOUBLE>",
        "The distance of two points of the plane; 0 in space.",
        &[("2 2 '2D0' PGraphics 0 0 3 4 Pdist SWAP DROP", "[5.0]")],
    ),
    word(
        "Plerp",
        |vm| color::number(vm, &[3], |n, _| n[0] + (n[1] - n[0]) * n[2]),
        "1.0.0",
        "canvas<PGRAPHICS> from<NUMBER> to<NUMBER> share<NUMBER> Plerp canvas<PGRAPHICS> result<DOUBLE>",
        "A number between two.",
        &[("2 2 '2D0' PGraphics 0 10 0.5 Plerp SWAP DROP", "[5.0]")],
    ),
    word(
        "Pmag",
        |vm| color::number(vm, &[2, 3], |n, _| color::magnitude(n)),
        "1.0.0",
        "canvas<PGRAPHICS> x<NUMBER> y<NUMBER> Pmag canvas<PGRAPHICS> result<DOUBLE>\ncanvas<PGRAPHICS> x<NUMBER> y<NUMBER> z<NUMBER> Pmag canvas<PGRAPHICS> result<DOUBLE>",
        "The length of a vector.",
        &[("2 2 '2D0' PGraphics 3 4 Pmag SWAP DROP", "[5.0]")],
    ),
    word(
        "Pmap",
        |vm| color::number(vm, &[5], |n, _| n[3] + (n[4] - n[3]) * ((n[0] - n[1]) / (n[2] - n[1]))),
        "1.0.0",
        "canvas<PGRAPHICS> value<NUMBER> from1<NUMBER> to1<NUMBER> from2<NUMBER> to2<NUMBER> Pmap canvas<PGRAPHICS> result<DOUBLE>",
        "A number moved from one range to another.",
        &[("2 2 '2D0' PGraphics 5 0 10 0 100 Pmap SWAP DROP", "[50.0]")],
    ),
    word(
        "Pnorm",
        |vm| color::number(vm, &[3], |n, _| (n[0] - n[1]) / (n[2] - n[1])),
        "1.0.0",
        "canvas<PGRAPHICS> value<NUMBER> from<NUMBER> to<NUMBER> Pnorm canvas<PGRAPHICS> result<DOUBLE>",
        "The place of a number in a range, as a share.",
        &[("2 2 '2D0' PGraphics 5 0 10 Pnorm SWAP DROP", "[0.5]")],
    ),
    word(
        "PbezierPoint",
        |vm| color::number(vm, &[5], |n, _| color::bezier_point(n)),
        "1.0.0",
        "canvas<PGRAPHICS> a<NUMBER> b<NUMBER> c<NUMBER> d<NUMBER> t<NUMBER> PbezierPoint canvas<PGRAPHICS> result<DOUBLE>",
        "A coordinate of a point on a Bézier curve.",
        &[("2 2 '2D0' PGraphics 0 10 20 30 1 PbezierPoint SWAP DROP", "[30.0]")],
    ),
    word(
        "PbezierTangent",
        |vm| color::number(vm, &[5], |n, _| color::bezier_tangent(n)),
        "1.0.0",
        "canvas<PGRAPHICS> a<NUMBER> b<NUMBER> c<NUMBER> d<NUMBER> t<NUMBER> PbezierTangent canvas<PGRAPHICS> result<DOUBLE>",
        "A coordinate of the tangent of a Bézier curve.",
        &[("2 2 '2D0' PGraphics 0 10 20 30 1 PbezierTangent SWAP DROP", "[30.0]")],
    ),
    word(
        "PcurvePoint",
        |vm| color::number(vm, &[5], |n, c| color::curve_point(n, c.tightness)),
        "1.0.0",
        "canvas<PGRAPHICS> a<NUMBER> b<NUMBER> c<NUMBER> d<NUMBER> t<NUMBER> PcurvePoint canvas<PGRAPHICS> result<DOUBLE>",
        "A coordinate of a point on a curve through points.",
        &[("2 2 '2D0' PGraphics 0 10 20 30 1 PcurvePoint SWAP DROP", "[20.0]")],
    ),
    word(
        "PcurveTangent",
        |vm| color::number(vm, &[5], |n, c| color::curve_tangent(n, c.tightness)),
        "1.0.0",
        "canvas<PGRAPHICS> a<NUMBER> b<NUMBER> c<NUMBER> d<NUMBER> t<NUMBER> PcurveTangent canvas<PGRAPHICS> result<DOUBLE>",
        "A coordinate of the tangent of a curve through points.",
        &[("2 2 '2D0' PGraphics 0 10 20 30 1 PcurveTangent SWAP DROP", "[10.0]")],
    ),
];
