// What a step tells its caller: kReportFields float32 values, in this order. lib/step/report.ts
// reads them.
#ifndef TFJS_ALIG_ENGINE_REPORT_H_
#define TFJS_ALIG_ENGINE_REPORT_H_

namespace tfjs_alig {

enum class StepStatus {
  kTaken = 0,
  // Refused: nothing was written.
  kLossNotFinite = 1,
  kGradientNotFinite = 2,
  kStepSizeNotFinite = 3,
  // Taken, but a new parameter is infinite or NaN.
  kParameterOverflow = 4,
};

struct StepReport {
  float status;
  float loss;
  float stepSize;
  float unclippedStepSize;
  float gradientNorm;
  float parameterNorm;
  float clipped;
  float projected;
};
constexpr int kReportFields = 8;
static_assert(sizeof(StepReport) == kReportFields * sizeof(float), "a report is floats alone");

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_ENGINE_REPORT_H_
