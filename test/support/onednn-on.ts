/** As the experiments run. */
process.env['TF_ENABLE_ONEDNN_OPTS'] = '1';
export {};
