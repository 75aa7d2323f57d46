/** For tests of the last bits: TensorFlow's own kernels round alike on more processors than oneDNN's do. */
process.env['TF_ENABLE_ONEDNN_OPTS'] = '0';
export {};
