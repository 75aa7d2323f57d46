import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

import { Resvg } from '@resvg/resvg-js';

/** An SVG as PNG, with a font of its own, so that it looks the same on a machine without fonts. */
export function rasterize(svg: string): Uint8Array {
  const packageFile = createRequire(import.meta.url).resolve(
    '@expo-google-fonts/open-sans/package.json',
  );
  const fontFiles = ['400Regular/OpenSans_400Regular.ttf', '600SemiBold/OpenSans_600SemiBold.ttf'];
  return new Resvg(svg, {
    fitTo: { mode: 'zoom', value: 2 },
    font: {
      loadSystemFonts: false,
      fontFiles: fontFiles.map((file) => join(dirname(packageFile), file)),
      defaultFontFamily: 'Open Sans',
    },
  })
    .render()
    .asPng();
}
