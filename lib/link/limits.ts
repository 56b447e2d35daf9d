import type { ChannelOptions } from '@grpc/grpc-js';

/** Largest message a terminal sends or receives; more is refused with RESOURCE_EXHAUSTED. A heartbeat has some hundred bytes. */
export const terminalMessageBytesMax = 16 * 1024;
/** Largest message of the fleet feed and of a roster: 5,000 terminals take about 2 MiB. */
export const fleetMessageBytesMax = 8 * 1024 * 1024;
/** Most terminals in a roster. */
export const rosterTerminalsMax = 5_000;
/** For a call that is answered once. */
export const unaryDeadlineMs = 5_000;
/** Measurements come every `measureEveryMs`; a feed silent for two and a half of them is given up. */
export const measureEveryMs = 5_000;
export const feedSilentMs = 12_500;
/** Metadata key of a refusal: milliseconds to wait before the next attempt. */
export const retryAfterKey = 'hallkeeper-retry-after-ms';
/** Metadata key of a refusal: our stable code. */
export const codeKey = 'hallkeeper-code';

/**
 * A channel is one connection to one address, thrown away when it breaks: grpc-js neither resolves a name again nor leaves an address
 * while a channel looks healthy, so both are done above it. Proxies of the environment are ignored.
 */
export const clientChannelOptions: ChannelOptions = {
  // A literal address as server name is forbidden by RFC 6066; the certificate is checked by its identity anyway.
  'grpc.ssl_target_name_override': 'hallkeeper-member',
  'grpc.enable_http_proxy': 0,
  'grpc.enable_retries': 0,
  'grpc.use_local_subchannel_pool': 1,
  'grpc.service_config_disable_resolution': 1,
  // A second line behind heartbeats and deadlines, which notice much earlier: its timers know nothing of our own pauses.
  'grpc.keepalive_time_ms': 20_000,
  'grpc.keepalive_timeout_ms': 20_000,
  'grpc.keepalive_permit_without_calls': 1,
  'grpc.initial_reconnect_backoff_ms': 60_000,
  'grpc.max_reconnect_backoff_ms': 60_000,
};

/**
 * A connection without any sign of life ends after the two keepalive limits. They are long, because a server that is slow while
 * thousands come back must not cut those it has. One stream a terminal, a few a reader.
 */
export const serverChannelOptions: ChannelOptions = {
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 20_000,
  'grpc.max_concurrent_streams': 16,
  'grpc.max_receive_message_length': fleetMessageBytesMax,
  'grpc.max_send_message_length': fleetMessageBytesMax,
};
