import { describe, expect, it } from 'vitest';
import { XlError } from '../../lib/base/error.ts';
import { readDisk, type ReadDiskOptions } from '../../lib/disk/parse.ts';

function errorOf(words: readonly string[], options: ReadDiskOptions = {}): XlError {
  try {
    readDisk(words, options);
  } catch (error) {
    if (error instanceof XlError) return error;
    throw error;
  }
  throw new Error(`${words.join(' ')} was accepted`);
}

/** The text under the caret. */
function marked({ where }: XlError): string | undefined {
  return where?.text?.slice(where.column! - 1, where.column! - 1 + where.length!);
}

describe('an error in a disk specification', () => {
  it.each([
    ['/x,raw,xvda,wr', 'disk-unknown-value', 'wr', /w or rw/],
    ['/x,xvda,w', 'disk-unknown-value', 'xvda', /second field is the format.*,,xvda/],
    ['/x,hdc:cdrom,r', 'disk-unknown-value', 'hdc:cdrom', /,,hdc/],
    ['phy:/x,raw,xvda,w', 'disk-unknown-value', 'xvda', /behind a prefix there is no format/],
    ['/x,raw,xvda,w,more', 'disk-too-many-parameters', 'more', /key=value/],
    ['vdve=xvda,target=/x', 'disk-unknown-parameter', 'vdve=xvda,', /did you mean `vdev=`/],
    ['fromat=raw,vdev=xvda,target=/x', 'disk-unknown-parameter', 'fromat=raw,', /did you mean `format=`/],
    ['FORMAT=raw,vdev=xvda,target=/x', 'disk-unknown-parameter', 'FORMAT=raw,', /did you mean `format=`/],
    ['discard=on,vdev=xvda,target=/x', 'disk-unknown-parameter', 'discard=on,', /`discard` takes no value/],
    ['discrd=on,vdev=xvda,target=/x', 'disk-unknown-parameter', 'discrd=on,', /did you mean `discard`/],
    ['zzz=1,vdev=xvda,target=/x', 'disk-unknown-parameter', 'zzz=1,', /the keys are format, .*vdev/],
    ['constructor=1,vdev=xvda,target=/x', 'disk-unknown-parameter', 'constructor=1,', /the keys are/],
    ['vdev=xvda,vdev=xvdb,target=/x', 'disk-respecified', 'xvdb', /"xvda" already/],
    ['format=raw,format=vhd,vdev=xvda,target=/x', 'disk-respecified', 'vhd', /"raw" already/],
    ['htp://h/x,raw,xvda', 'disk-unknown-prefix', 'htp:', /target=htp:/],
    ['taq2:/x,xvda,w', 'disk-unknown-prefix', 'taq2:', /did you mean `tap2:`/],
    ['/a=b,raw,xvda,w', 'disk-syntax', '=b,raw,xvda,w', /target=… as the last parameter/],
    ['/x,raw', 'disk-no-vdev', '/x,raw', /vdev=xvda/],
    ['vdev=xvda', 'disk-no-target', 'vdev=xvda', /devtype=cdrom/],
  ] as [string, string, string, RegExp][])('%s: %s', (spec, code, under, hint) => {
    const error = errorOf([spec]);
    expect(error).toMatchObject({ code, where: { source: 'command line' } });
    expect(marked(error)).toBe(under);
    expect(error.hint).toMatch(hint);
  });

  it("comes with all the others of the specification, and xl's bare words", () => {
    const error = errorOf(['access=x,foo=1,backendtype=blk,vdev=xvda']);
    expect(error.messages).toEqual(['unknown value for access', 'unknown parameter', 'unknown value for backendtype']);
    expect(error.diagnostics.map(({ message }) => message)).toEqual([
      "unknown value for access: near `x'",
      "unknown parameter: near `foo=1,'",
      "unknown value for backendtype: near `blk'",
    ]);
  });

  it('is shifted to where the specification stands in its file', () => {
    const text = 'disk = [ "/x,bogus,xvda,w" ]';
    const error = errorOf(['/x,bogus,xvda,w'], { where: { source: 'web.cfg', line: 7, column: 11, text } });
    expect(error.where).toEqual({ source: 'web.cfg', line: 7, column: 14, length: 5, text });
    expect(marked(error)).toBe('bogus');
  });

  it('points into the word of block-attach that it is about', () => {
    const error = errorOf(['vdev=xvda', 'format=bogus', 'target=/x']);
    expect(error.where).toEqual({ source: 'command line', column: 8, length: 5, text: 'format=bogus' });
  });

  it('points into the right line of a specification with line ends', () => {
    const error = errorOf(['vdev=xvda,\n format=bogus,\ntarget=/x']);
    expect(error.where).toEqual({ source: 'command line', column: 9, length: 5, text: ' format=bogus,' });
  });

  it('refuses a NUL, behind which xl would see nothing', () => {
    expect(errorOf(['/x,raw,xvda\0,r'])).toMatchObject({ code: 'disk-syntax', where: { column: 12 } });
  });
});

describe('positions of a sound specification', () => {
  it('are kept for later messages', () => {
    const { places } = readDisk(['/x,qcow2,xvda,r', 'backend=dom']);
    expect(places).toMatchObject({
      pdevPath: { column: 1, length: 2 },
      format: { column: 4, length: 5 },
      vdev: { column: 10, length: 4 },
      readwrite: { column: 15, length: 1 },
      backendDomname: { column: 9, length: 3, text: 'backend=dom' },
    });
    expect(places).not.toHaveProperty('script');
  });
});

describe('a hostile specification', () => {
  const fill = (piece: string, size: number) => piece.repeat(Math.ceil(size / piece.length));
  const refusedWhole = (spec: string) => {
    for (const dialect of ['xl', 'extended'] as const) {
      expect(errorOf([spec], { dialect }).messages.length).toBeGreaterThan(0);
    }
  };

  // Quadratic time would be minutes here.
  it.each([
    'x',
    'raw:',
    'foo=b,',
    ' ',
    '\n',
    '\n a',
    'a:\n',
    'tap:',
    'foo=é',
    '=',
    'foo:\na',
    'access= r,',
    'vdev=x,',
    'x=\n',
    '映',
    'colo-params=h:1:exportname=e,',
    'discard ,',
  ])('of a quarter of a megabyte of %j is read to its end', (piece) => {
    // prettier-ignore
    refusedWhole(fill(piece, 1 << 18));
  });

  it('of a megabyte of commas is read to its end', () => {
    refusedWhole(fill(',', 1 << 20));
  });

  it('of a megabyte is accepted where it is sound', () => {
    const target = `/${fill('long', 1 << 20)}`;
    expect(readDisk([`vdev=xvda,target=${target}`]).disk.pdevPath).toBe(target);
  });
});
