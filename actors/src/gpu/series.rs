//! The readings as Prometheus series: absent, not zero, for what a GPU does not tell, and without a GPU.

use prometheus::{GaugeVec, Opts, Registry};

use super::reading::GpuReading;

const NAMES: [(&str, &str); 5] = [
    ("sts_gpu_utilization_percent", "Share of the time in which something ran on the GPU, 0 to 100."),
    ("sts_gpu_memory_used_bytes", "Memory of the GPU in use by all processes."),
    ("sts_gpu_memory_total_bytes", "Memory of the GPU."),
    ("sts_gpu_temperature_celsius", "Temperature of the GPU."),
    ("sts_gpu_power_watts", "What the GPU draws."),
];

/// A series a quantity, labelled `gpu`.
pub(crate) struct GpuSeries([GaugeVec; 5]);

impl GpuSeries {
    pub(crate) fn new() -> Result<Self, prometheus::Error> {
        let gauge = |index: usize| GaugeVec::new(Opts::new(NAMES[index].0, NAMES[index].1), &["gpu"]);
        Ok(Self([gauge(0)?, gauge(1)?, gauge(2)?, gauge(3)?, gauge(4)?]))
    }

    pub(crate) fn register(&self, registry: &Registry) -> Result<(), prometheus::Error> {
        self.0.iter().try_for_each(|gauge| registry.register(Box::new(gauge.clone())))
    }

    pub(crate) fn set(&self, gpu: u32, reading: &GpuReading) {
        let gpu = &gpu.to_string();
        let values = [
            reading.utilization_percent,
            reading.memory_used_bytes.map(|bytes| bytes as f64),
            reading.memory_total_bytes.map(|bytes| bytes as f64),
            reading.temperature_celsius,
            reading.power_watts,
        ];
        for (gauge, value) in self.0.iter().zip(values) {
            match value {
                Some(value) => gauge.with_label_values(&[gpu]).set(value),
                None => forget(gauge, gpu),
            }
        }
    }

    pub(crate) fn forget(&self, gpu: u32) {
        self.0.iter().for_each(|gauge| forget(gauge, &gpu.to_string()));
    }
}

fn forget(gauge: &GaugeVec, gpu: &str) {
    // It may not be there, which is as good.
    let _ = gauge.remove_label_values(&[gpu]);
}
