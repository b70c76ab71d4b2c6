import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import type { GraphiQLOptions } from 'graphql-yoga';

/** The page of GraphiQL, as browsers ask for it. */
export interface GraphiqlPage {
  /** Takes a browser's request for the page; false for any other request. */
  serve(request: IncomingMessage, response: ServerResponse): boolean;
}

interface Rendered {
  readonly tag: string;
  readonly policy: string;
  readonly bodies: Readonly<Record<'br' | 'gzip' | 'identity', Buffer>>;
}

const compressed = { br: promisify(brotliCompress), gzip: promisify(gzip) };
/** 9 MB of script: quality 5 takes a fifth of a second for a fifth of the size. */
const BROTLI_QUALITY = 5;

/**
 * Creates the page. It is rendered and compressed once for each set of options, which change when
 * instruments do, and a browser that has it already is told so.
 */
export function createGraphiqlPage(
  options: () => GraphiQLOptions,
  onError: (error: unknown) => void,
): GraphiqlPage {
  let rendering: { readonly key: string; readonly page: Promise<Rendered> } | undefined;

  function current(): Promise<Rendered> {
    const given = options();
    const key = JSON.stringify(given);
    if (rendering?.key === key) return rendering.page;
    const page = render(given);
    rendering = { key, page };
    // One that failed is tried again.
    page.catch(() => {
      rendering = undefined;
    });
    return page;
  }

  return {
    serve(request, response) {
      const isPage =
        (request.method === 'GET' || request.method === 'HEAD') &&
        (request.headers.accept ?? '').includes('text/html') &&
        !/[?&](query|extensions|documentId)=/.test(request.url ?? '');
      if (!isPage) return false;
      current().then(
        (page) => write(page, request, response),
        (error: unknown) => {
          onError(error);
          response.writeHead(500).end();
        },
      );
      return true;
    },
  };
}

async function render(options: GraphiQLOptions): Promise<Rendered> {
  // From our own packages: the page works offline, and no third party's script sees a token.
  const { renderGraphiQL } = await import('@graphql-yoga/render-graphiql');
  const html = Buffer.from(renderGraphiQL(options));
  const params = { [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY };
  const [br, gzipped] = await Promise.all([compressed.br(html, { params }), compressed.gzip(html)]);
  return {
    tag: `"${createHash('sha256').update(html).digest('base64url')}"`,
    policy: contentPolicy(html.toString('utf8')),
    bodies: { br, gzip: gzipped, identity: html },
  };
}

/** The page's one script runs by its hash, and talks to this server alone; styles it makes as it goes. */
function contentPolicy(html: string): string {
  const hashes = [...html.matchAll(/<script>([\s\S]*?)<\/script>/g)].map(
    ([, script = '']) => `'sha256-${createHash('sha256').update(script).digest('base64')}'`,
  );
  return [
    "default-src 'none'",
    `script-src ${hashes.join(' ')}`,
    "style-src 'unsafe-inline'",
    "img-src 'self' data:",
    'font-src data:',
    "connect-src 'self'",
    'worker-src blob:',
    "frame-ancestors 'none'",
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
}

function write(
  { tag, policy, bodies }: Rendered,
  request: IncomingMessage,
  response: ServerResponse,
) {
  response.setHeader('content-security-policy', policy);
  // It may hold a demo's token, and the same address answers operations: no cache shares it.
  response.setHeader('cache-control', 'private, no-cache');
  response.setHeader('vary', 'accept, accept-encoding');
  response.setHeader('etag', tag);
  if (request.headers['if-none-match'] === tag) {
    response.writeHead(304).end();
    return;
  }
  const accepts = request.headers['accept-encoding'] ?? '';
  const encoding = /\bbr\b/.test(accepts) ? 'br' : /\bgzip\b/.test(accepts) ? 'gzip' : 'identity';
  const body = bodies[encoding];
  response.writeHead(200, {
    'content-type': 'text/html; charset=utf-8',
    'content-length': body.length,
    ...(encoding === 'identity' ? {} : { 'content-encoding': encoding }),
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}
