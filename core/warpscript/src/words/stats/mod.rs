//! Statistics, transforms, smoothing, outliers, patterns.

mod chance;
mod discords;
mod dtw;
mod fourier;
mod lowess;
mod moments;
mod outliers;
mod poly;
mod sax;
mod smooth;
mod stl;
mod vectors;

use outliers::double_values;

use crate::error::{Fault, Kind};
use crate::registry::{Family, word};

pub(super) static FAMILY: Family = Family {
    name: "stats",
    words: &[
        word(
            "MUSIGMA",
            moments::mu_sigma,
            "1.0.0",
            "gts<GTS> bessel<BOOLEAN> MUSIGMA mu<DOUBLE> sigma<DOUBLE>",
            "Gives mean and standard deviation, with Bessel's correction if asked for.",
            &[("[ 1 2 ] [] [] [] [ 1.0 3.0 ] MAKEGTS false MUSIGMA", "[1.0,2.0]")],
        ),
        word(
            "NSUMSUMSQ",
            moments::n_sum_sum_sq,
            "1.0.0",
            "gts<GTS> NSUMSUMSQ count<LONG> sum<DOUBLE> squares<DOUBLE>",
            "Gives how many values there are, their sum, and the sum of their squares.",
            &[("[ 1 2 ] [] [] [] [ 1 3 ] MAKEGTS NSUMSUMSQ", "[10.0,4.0,2]")],
        ),
        word(
            "KURTOSIS",
            moments::standardized_moment,
            "1.2.13",
            "gts<GTS> bessel<BOOLEAN> KURTOSIS kurtosis<DOUBLE>
series<LIST> bessel<BOOLEAN> KURTOSIS list<LIST>",
            "Gives the kurtosis.",
            &[("[ 1 2 ] [] [] [] [ 1 3 ] MAKEGTS false KURTOSIS", "[1.0]")],
        ),
        word(
            "SKEWNESS",
            moments::standardized_moment,
            "1.2.13",
            "gts<GTS> bessel<BOOLEAN> SKEWNESS skewness<DOUBLE>
series<LIST> bessel<BOOLEAN> SKEWNESS list<LIST>",
            "Gives the skewness.",
            &[("[ 1 2 ] [] [] [] [ 1 3 ] MAKEGTS false SKEWNESS", "[0.0]")],
        ),
        word(
            "MODE",
            moments::mode,
            "1.0.11",
            "gts<GTS> MODE modes<LIST>
series<LIST> MODE lists<LIST>",
            "Sorts series by value and gives the values that come most often. As in the \
             reference, only booleans and integers of one byte are found equal.",
            &[("[ 1 2 3 ] [] [] [] [ 5 7 5 ] MAKEGTS MODE", "[[5]]")],
        ),
        word(
            "LR",
            moments::linear_regression,
            "1.0.13",
            "gts<GTS> LR alpha<DOUBLE> beta<DOUBLE>",
            "Gives the line of least squares `alpha + beta × tick`.",
            &[("[ 0 1 ] [] [] [] [ 1 3 ] MAKEGTS LR", "[2.0,1.0]")],
        ),
        word(
            "NORMALIZE",
            moments::normalize,
            "1.0.0",
            "gts<GTS> NORMALIZE gts<GTS>
series<LIST> NORMALIZE series<LIST>",
            "Scales numeric series to values from 0 to 1.",
            &[("[ 0 1 2 ] [] [] [] [ 1 3 5 ] MAKEGTS NORMALIZE VALUES", "[[0.0,0.5,1.0]]")],
        ),
        word(
            "ISONORMALIZE",
            moments::normalize,
            "1.0.0",
            "gts<GTS> ISONORMALIZE gts<GTS>
series<LIST> ISONORMALIZE series<LIST>",
            "Scales numeric series to mean 0 and range 1.",
            &[("[ 0 1 2 ] [] [] [] [ 1 3 5 ] MAKEGTS ISONORMALIZE VALUES", "[[-0.5,0.0,0.5]]")],
        ),
        word(
            "STANDARDIZE",
            moments::standardize,
            "1.0.0",
            "gts<GTS> STANDARDIZE gts<GTS>
series<LIST> STANDARDIZE series<LIST>",
            "Scales numeric series to mean 0 and standard deviation 1.",
            &[("[ 0 1 ] [] [] [] [ 7 7 ] MAKEGTS STANDARDIZE VALUES", "[[0.0,0.0]]")],
        ),
        word(
            "ZSCORE",
            moments::z_score,
            "1.0.0",
            "gts<GTS> median<BOOLEAN> ZSCORE gts<GTS>
series<LIST> median<BOOLEAN> ZSCORE series<LIST>",
            "Replaces the values of DOUBLE series by their distance from the mean in standard \
             deviations, or from the median in median absolute deviations.",
            &[("[ 0 1 ] [] [] [] [ 7.0 7.0 ] MAKEGTS false ZSCORE", "!Standard Deviation is null")],
        ),
        word(
            "CORRELATE",
            moments::correlate,
            "1.0.0",
            "gts<GTS> series<LIST> offsets<LIST> CORRELATE series<LIST>",
            "Gives the correlation of a bucketised, filled series with others, shifted by each \
             of the offsets.",
            &[("NEWGTS [ NEWGTS ] [ 0 ] CORRELATE", "!operates on bucketized")],
        ),
        word(
            "PROB",
            chance::prob,
            "1.0.6",
            "gts<GTS> PROB gts<GTS>
series<LIST> PROB series<LIST>",
            "Replaces each value by how often it comes, as a share.",
            &[("[ 1 2 ] [] [] [] [ 'a' 'b' ] MAKEGTS PROB VALUES", "[[0.5,0.5]]")],
        ),
        word(
            "CPROB",
            chance::cprob,
            "1.0.6",
            "gts<GTS> separator<STRING> CPROB gts<GTS>
gts<GTS> separator<NULL> CPROB gts<GTS>
series<LIST> separator<STRING> CPROB series<LIST>",
            "Sorts STRING series by value and replaces each value by how often what follows its \
             last separator comes among those with the same text before it, as a share. With \
             NULL it is PROB.",
            &[("[ 1 2 ] [] [] [] [ 'a|x' 'a|y' ] MAKEGTS '|' CPROB VALUES", "[[0.5,0.5]]")],
        ),
        word(
            "VALUEHISTOGRAM",
            chance::value_histogram,
            "1.0.0",
            "gts<GTS> VALUEHISTOGRAM histogram<MAP>
encoder<GTSENCODER> VALUEHISTOGRAM histogram<MAP>
list<LIST> VALUEHISTOGRAM histograms<LIST>",
            "Gives how often each value comes; empty buckets count as NULL.",
            &[("[ 1 2 3 ] [] [] [] [ 5 7 5 ] MAKEGTS VALUEHISTOGRAM", "[{\"5\":2,\"7\":1}]")],
        ),
        word(
            "PROBABILITY",
            chance::probability,
            "1.0.0",
            "histogram<MAP> PROBABILITY f<FUNCTION>",
            "Makes a function that gives the share of a value in a histogram.",
            &[("'a' { 'a' 1 'b' 3 } PROBABILITY EVAL", "[0.25]")],
        ),
        word(
            "RANDPDF",
            chance::rand_pdf,
            "1.0.7",
            "histogram<MAP> RANDPDF f<FUNCTION>",
            "Makes a function that gives random values, as often as the histogram says.",
            &[("{ 'a' 1 } RANDPDF EVAL", "[\"a\"]")],
        ),
        word(
            "SRANDPDF",
            chance::rand_pdf,
            "2.3.0",
            "histogram<MAP> SRANDPDF f<FUNCTION>",
            "Makes a function like RANDPDF that uses the generator that PRNG seeded.",
            &[("1 PRNG { 'a' 1 } SRANDPDF EVAL", "[\"a\"]")],
        ),
        word(
            "POLYFIT",
            poly::poly_fit,
            "2.9.0",
            "gts<GTS> degree<LONG> POLYFIT coefficients<LIST>
gts<GTS> degree<LONG> buckets<BOOLEAN> POLYFIT coefficients<LIST>",
            "Fits a polynomial to a numeric series by least squares and gives its coefficients, \
             lowest first. With `true` buckets count from 0 instead of ticks.",
            &[("[ 0 1 ] [] [] [] [ 5 5 ] MAKEGTS 0 POLYFIT", "[[5.0]]")],
        ),
        word(
            "POLYFUNC",
            poly::poly_func,
            "2.9.0",
            "coefficients<LIST> POLYFUNC f<FUNCTION>",
            "Makes a function of the coefficients, lowest first. It takes a number, a list, or \
             the ticks of a series or encoder, and is a mapper.",
            &[("2 [ 1 0 3 ] POLYFUNC EVAL", "[13.0]")],
        ),
        word(
            "DTW",
            dtw::dtw,
            "1.0.0",
            "a<GTS> b<GTS> threshold<NUMBER> DTW distance<DOUBLE>
a<GTS> b<GTS> window<LONG> threshold<NUMBER> distance<STRING> part<STRING> DTW \
             distance<DOUBLE>",
            "Gives the distance of two series after dynamic time warping, both scaled to 0 to \
             1; -1 when it is above the threshold (0: none). `part` is `values`, `locations`, \
             `elevations` or `timestamps`, the distance `manhattan`, `euclidean`, \
             `squaredeuclidean`, `loxodromic` or `orthodromic`.",
            &[("[ 1 2 ] [] [] [] [ 1 3 ] MAKEGTS DUP 0 DTW", "[0.0]")],
        ),
        word(
            "ZDTW",
            dtw::dtw,
            "1.2.10",
            "a<GTS> b<GTS> threshold<NUMBER> ZDTW distance<DOUBLE>
a<GTS> b<GTS> window<LONG> threshold<NUMBER> distance<STRING> part<STRING> ZDTW \
             distance<DOUBLE>",
            "Gives the distance like DTW, of series scaled by their mean and deviation.",
            &[("[ 1 2 ] [] [] [] [ 1 3 ] MAKEGTS DUP 0.001 ZDTW", "[-1.0]")],
        ),
        word(
            "RAWDTW",
            dtw::dtw,
            "1.2.10",
            "a<GTS> b<GTS> threshold<NUMBER> RAWDTW distance<DOUBLE>
a<GTS> b<GTS> window<LONG> threshold<NUMBER> distance<STRING> part<STRING> \
             RAWDTW distance<DOUBLE>",
            "Gives the distance like DTW, of series as they are.",
            &[(
                "[ 1 2 ] [] [] [] [ 1 3 ] MAKEGTS [ 1 2 ] [] [] [] [ 2 3 ] MAKEGTS 0 RAWDTW",
                "[1.0]",
            )],
        ),
        word(
            "FFT",
            fourier::fft,
            "1.0.0",
            "gts<GTS> FFT parts<LIST>
series<LIST> FFT lists<LIST>",
            "Transforms a bucketised numeric series: gives a series of real and one of \
             imaginary parts, and what a tick of them stands for in Hz.",
            &[("NEWGTS [ 1 7 ] ADDVALUE FFT", "!can only be applied to bucketized")],
        ),
        word(
            "FFTAP",
            fourier::fft,
            "1.0.0",
            "gts<GTS> FFTAP parts<LIST>
series<LIST> FFTAP lists<LIST>",
            "Transforms like FFT, into amplitudes and phases.",
            &[("NEWGTS [ 1 7 ] ADDVALUE FFTAP", "!can only be applied to bucketized")],
        ),
        word(
            "IFFT",
            fourier::ifft,
            "1.0.0",
            "real<GTS> imaginary<GTS> IFFT gts<GTS>",
            "Transforms back what FFT gave.",
            &[(
                "[ 0 1 ] [] [] [] [ 2.0 ] MAKEGTS [ 0 1 ] [] [] [] [ 0.0 ] MAKEGTS IFFT VALUES",
                "[[2.0,0.0]]",
            )],
        ),
        word(
            "FFTWINDOW",
            fourier::fft_window,
            "1.2.13",
            "gts<GTS> window<STRING> FFTWINDOW gts<GTS>
series<LIST> window<STRING> FFTWINDOW series<LIST>",
            "Multiplies a numeric series by a window function: `blackman`, `blackman-harris`, \
             `blackman-nuttall`, `flattop`, `hamming`, `hann`, `nuttall`, `parzen`, \
             `rectangular`, `sine`, `triangular`, `welch`.",
            &[("[ 1 2 ] [] [] [] [ 3.0 ] MAKEGTS 'rectangular' FFTWINDOW VALUES", "[[3.0,3.0]]")],
        ),
        word(
            "SINGLEEXPONENTIALSMOOTHING",
            smooth::single,
            "1.0.0",
            "gts<GTS> alpha<NUMBER> SINGLEEXPONENTIALSMOOTHING gts<GTS>
series<LIST> alpha<NUMBER> SINGLEEXPONENTIALSMOOTHING series<LIST>",
            "Smooths numeric series exponentially.",
            &[(
                "[ 1 2 ] [] [] [] [ 1 3 ] MAKEGTS 0.5 SINGLEEXPONENTIALSMOOTHING VALUES",
                "[[1.0,2.0]]",
            )],
        ),
        word(
            "DOUBLEEXPONENTIALSMOOTHING",
            smooth::double,
            "1.0.0",
            "gts<GTS> alpha<NUMBER> beta<NUMBER> DOUBLEEXPONENTIALSMOOTHING parts<LIST>
series<LIST> alpha<NUMBER> beta<NUMBER> DOUBLEEXPONENTIALSMOOTHING lists<LIST>",
            "Smooths numeric series exponentially with their trend: gives a series of levels \
             and one of trends.",
            &[(
                "[ 1 2 ] [] [] [] [ 1 3 ] MAKEGTS 0.5 0.5 DOUBLEEXPONENTIALSMOOTHING <% VALUES %> F LMAP",
                "[[[3.0],[2.0]]]",
            )],
        ),
        word(
            "THRESHOLDTEST",
            outliers::threshold_test,
            "1.0.0",
            "gts<GTS> threshold<DOUBLE> THRESHOLDTEST ticks<LIST>
series<LIST> threshold<DOUBLE> THRESHOLDTEST lists<LIST>",
            "Gives the ticks of values of DOUBLE series that are not below the threshold.",
            &[("[ 1 2 ] [] [] [] [ 1.0 3.0 ] MAKEGTS 2.0 THRESHOLDTEST", "[[2]]")],
        ),
        word(
            "ZSCORETEST",
            outliers::z_score_test,
            "1.0.0",
            "gts<GTS> median<BOOLEAN> ZSCORETEST ticks<LIST>
gts<GTS> median<BOOLEAN> threshold<DOUBLE> ZSCORETEST ticks<LIST>
series<LIST> median<BOOLEAN> ZSCORETEST lists<LIST>",
            "Gives the ticks of values whose ZSCORE is at least the threshold, 3.5 when none is \
             given.",
            &[("[ 1 2 ] [] [] [] [ 1.0 3.0 ] MAKEGTS false ZSCORETEST", "[[]]")],
        ),
        word(
            "GRUBBSTEST",
            outliers::grubbs_test,
            "1.0.0",
            "gts<GTS> median<BOOLEAN> GRUBBSTEST ticks<LIST>
gts<GTS> median<BOOLEAN> significance<DOUBLE> GRUBBSTEST ticks<LIST>
series<LIST> median<BOOLEAN> GRUBBSTEST lists<LIST>",
            "Gives the tick of the one outlier that Grubbs' test finds.",
            &[("[ 1 2 3 4 5 ] [] [] [] [ 1.0 1.1 0.9 1.0 9.0 ] MAKEGTS false GRUBBSTEST", "[[5]]")],
        ),
        word(
            "ESDTEST",
            outliers::esd_test,
            "1.0.0",
            "gts<GTS> most<LONG> median<BOOLEAN> ESDTEST ticks<LIST>
gts<GTS> most<LONG> median<BOOLEAN> significance<DOUBLE> ESDTEST ticks<LIST>
series<LIST> most<LONG> median<BOOLEAN> ESDTEST lists<LIST>",
            "Gives the ticks of up to so many outliers that the generalised test of extreme \
             Studentised deviates finds.",
            &[("[ 1 2 3 4 5 ] [] [] [] [ 1.0 1.1 0.9 1.0 9.0 ] MAKEGTS 2 false ESDTEST", "[[5]]")],
        ),
        word(
            "LOWESS",
            lowess::lowess,
            "1.0.0",
            "gts<GTS> neighbours<LONG> LOWESS gts<GTS>
series<LIST> neighbours<LONG> LOWESS series<LIST>",
            "Smooths numeric series by local linear regression over so many neighbours. Empty \
             buckets are filled.",
            &[(
                "[ 0 1 2 ] [] [] [] [ 1 3 5 ] MAKEGTS 0 LOWESS",
                "!Bandwidth parameter must be greater than 0",
            )],
        ),
        word(
            "RLOWESS",
            lowess::rlowess,
            "1.0.0",
            "gts<GTS> neighbours<LONG> rounds<LONG> delta<LONG> degree<LONG> RLOWESS gts<GTS>
series<LIST> neighbours<LONG> rounds<LONG> delta<LONG> degree<LONG> RLOWESS \
             series<LIST>",
            "Smooths numeric series by local regression with polynomials. In each further round \
             values that are far off count less; within `delta` results are interpolated.",
            &[("[ 0 1 2 ] [] [] [] [ 5 5 5 ] MAKEGTS 3 0 0 1 RLOWESS VALUES", "[[5.0,5.0,5.0]]")],
        ),
        word(
            "STL",
            stl::stl,
            "1.0.0",
            "gts<GTS> parameters<MAP> STL parts<LIST>
series<LIST> parameters<MAP> STL lists<LIST>",
            "Decomposes bucketised numeric series into a seasonal series and a trend. `PERIOD` \
             is needed: how many buckets make a season. `PRECISION` and `ROBUSTNESS` are rounds \
             inside and outside, `ROBUST` chooses them; `BANDWIDTH`, `DEGREE` and `SPEED`, with \
             `_S`, `_L`, `_T` or `_P` for one smoothing, are neighbours, degree, and buckets \
             that are interpolated.",
            &[("NEWGTS [ 1 7 ] ADDVALUE { 'PERIOD' 2 } STL", "!Can only be applied on bucketized")],
        ),
        word(
            "STLESDTEST",
            stl::stl_esd_test,
            "1.0.0",
            "gts<GTS> period<LONG> most<LONG> STLESDTEST ticks<LIST>
gts<GTS> period<LONG> most<LONG> significance<DOUBLE> parameters<MAP> STLESDTEST \
             ticks<LIST>
series<LIST> period<LONG> most<LONG> STLESDTEST lists<LIST>",
            "Gives the ticks of outliers that ESDTEST finds in what STL leaves of DOUBLE \
             series.",
            &[("[ 1 ] [] [] [] [ 1.0 ] MAKEGTS 2 1 STLESDTEST", "!GTS must be bucketized")],
        ),
        word(
            "HYBRIDTEST",
            stl::hybrid_test,
            "1.0.0",
            "gts<GTS> period<LONG> periods<LONG> most<LONG> HYBRIDTEST ticks<LIST>
gts<GTS> period<LONG> periods<LONG> most<LONG> significance<DOUBLE> \
             parameters<MAP> HYBRIDTEST ticks<LIST>
series<LIST> period<LONG> periods<LONG> most<LONG> HYBRIDTEST lists<LIST>",
            "Gives the ticks of outliers that ESDTEST finds in pieces of DOUBLE series without \
             the seasons of STL and the median of the piece.",
            &[("[ 1 ] [] [] [] [ 1.0 ] MAKEGTS 2 4 1 HYBRIDTEST", "!GTS must be bucketized")],
        ),
        word(
            "HYBRIDTEST2",
            stl::hybrid_test,
            "1.0.0",
            "gts<GTS> period<LONG> periods<LONG> most<LONG> HYBRIDTEST2 ticks<LIST>
gts<GTS> period<LONG> periods<LONG> most<LONG> significance<DOUBLE> HYBRIDTEST2 \
             ticks<LIST>
series<LIST> period<LONG> periods<LONG> most<LONG> HYBRIDTEST2 lists<LIST>",
            "Gives the ticks of outliers like HYBRIDTEST, with seasons from means and the \
             entropy of deviations.",
            &[(
                "[ 1 ] [] [] [] [ 1.0 ] MAKEGTS 2 4 1 HYBRIDTEST2",
                "!operates on bucketized, filled",
            )],
        ),
        word(
            "PIGSCHEMA",
            vectors::pig_schema,
            "1.2.5",
            "PIGSCHEMA schema<STRING>",
            "Describes the types of all levels of the stack as Apache Pig does.",
            &[("1 'a' PIGSCHEMA", "[\"(top: chararray, l2: long)\",\"a\",1]")],
        ),
        word(
            "PATTERNS",
            sax::patterns,
            "1.0.0",
            "gts<GTS> window<NUMBER> word<NUMBER> alphabet<NUMBER> PATTERNS words<GTS>
series<LIST> window<NUMBER> word<NUMBER> alphabet<NUMBER> PATTERNS words<LIST>",
            "Gives the shape of each window of bucketised numeric series as a text: the window \
             is cut into `word` parts, and each part stands for one of `alphabet` symbols, a \
             power of two. The parts are standardised first.",
            &[("NEWGTS [ 1 7 ] ADDVALUE 2 1 2 PATTERNS", "!bucketized")],
        ),
        word(
            "ZPATTERNS",
            sax::patterns,
            "1.0.13",
            "gts<GTS> window<NUMBER> word<NUMBER> alphabet<NUMBER> ZPATTERNS words<GTS>
series<LIST> window<NUMBER> word<NUMBER> alphabet<NUMBER> ZPATTERNS words<LIST>",
            "Gives the shapes like PATTERNS, of series that are standardised already.",
            &[("NEWGTS [ 1 7 ] ADDVALUE 2 1 2 ZPATTERNS", "!bucketized")],
        ),
        word(
            "PATTERNDETECTION",
            sax::detection,
            "1.0.0",
            "gts<GTS> patterns<LIST> window<NUMBER> word<NUMBER> alphabet<NUMBER> \
             PATTERNDETECTION gts<GTS>
series<LIST> patterns<LIST> window<NUMBER> word<NUMBER> alphabet<NUMBER> \
             PATTERNDETECTION series<LIST>",
            "Gives the points of the windows whose shape, as PATTERNS gives it, is in the list.",
            &[("NEWGTS [ 1 7 ] ADDVALUE [ 'A' ] 2 1 2 PATTERNDETECTION", "!bucketized")],
        ),
        word(
            "ZPATTERNDETECTION",
            sax::detection,
            "1.0.13",
            "gts<GTS> patterns<LIST> window<NUMBER> word<NUMBER> alphabet<NUMBER> \
             ZPATTERNDETECTION gts<GTS>
series<LIST> patterns<LIST> window<NUMBER> word<NUMBER> alphabet<NUMBER> \
             ZPATTERNDETECTION series<LIST>",
            "Gives the points of the windows whose shape, as ZPATTERNS gives it, is in the \
             list.",
            &[("NEWGTS [ 1 7 ] ADDVALUE [ 'A' ] 2 1 2 ZPATTERNDETECTION", "!bucketized")],
        ),
        word(
            "DISCORDS",
            discords::discords,
            "1.0.0",
            "gts<GTS> window<LONG> word<LONG> alphabet<LONG> count<LONG> overlap<BOOLEAN> \
             ratio<DOUBLE> DISCORDS gts<GTS>
series<LIST> window<LONG> word<LONG> alphabet<LONG> count<LONG> overlap<BOOLEAN> \
             ratio<DOUBLE> DISCORDS series<LIST>",
            "Gives the points of windows that are farthest from the windows most like them. \
             Candidates are compared by their shapes, as PATTERNS gives them. With a ratio \
             other than 0 discords whose distance is smaller than the greatest by more than \
             that factor are left out.",
            &[("NEWGTS [ 1 7 ] ADDVALUE 2 1 2 1 false 0.0 DISCORDS", "!bucketized")],
        ),
        word(
            "ZDISCORDS",
            discords::discords,
            "1.0.13",
            "gts<GTS> window<LONG> word<LONG> alphabet<LONG> count<LONG> overlap<BOOLEAN> \
             ratio<DOUBLE> ZDISCORDS gts<GTS>
series<LIST> window<LONG> word<LONG> alphabet<LONG> count<LONG> overlap<BOOLEAN> \
             ratio<DOUBLE> ZDISCORDS series<LIST>",
            "Gives windows like DISCORDS, in series that are standardised already.",
            &[("NEWGTS [ 1 7 ] ADDVALUE 2 1 2 1 false 0.0 ZDISCORDS", "!bucketized")],
        ),
    ],
};

/// What a cast to a number fails with.
fn not_a_number() -> Fault {
    Fault::kind(Kind::Cast, "Not a number.")
}
