/* LD_PRELOAD library: hands /dev/i2c-N and /dev/gpiochipN of an unmodified program to a simulated Pi header.
 *
 * PISIM_SOCK  the simulator's SOCK_SEQPACKET socket (header.py). One connection for each opened device and for
 *             each requested line: when the program dies, the simulator sees what the kernel would see.
 * PISIM_ROOT  a folder whose files stand in for those of /proc and /sys (the Pi's revision, throttling, ...).
 * Request: u32 operation, u32 length, payload. Reply: i32 result or -errno, payload. Never used on a real Pi.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/gpio.h>
#include <linux/i2c-dev.h>
#include <linux/i2c.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MAX_FD 1024
#define MAX_PAYLOAD 16384

enum kind { NOT_OURS, I2C, CHIP, LINE };
static unsigned char kind_of[MAX_FD];
static unsigned short slave_of[MAX_FD];

struct request {
	unsigned operation, length;
	unsigned char data[MAX_PAYLOAD];
};
struct reply {
	int result;
	unsigned char data[MAX_PAYLOAD];
};

#define REAL(result, name, ...)                                                                              \
	static result (*real_##name)(__VA_ARGS__);                                                           \
	if (!real_##name)                                                                                    \
	real_##name = dlsym(RTLD_NEXT, #name)

static enum kind kind(int fd)
{
	return fd >= 0 && fd < MAX_FD ? kind_of[fd] : NOT_OURS;
}

/* One question and its answer; buffers live on the stack, so that no lock is held when the program is stopped. */
static int ask(int fd, unsigned operation, const void *in, unsigned in_length, void *out, unsigned out_length)
{
	struct request request = { operation, in_length, { 0 } };
	struct reply reply;
	if (in_length > MAX_PAYLOAD) {
		errno = EMSGSIZE;
		return -1;
	}
	memcpy(request.data, in, in_length);
	if (send(fd, &request, 8 + in_length, MSG_NOSIGNAL) < 0 || recv(fd, &reply, sizeof reply, 0) < 4) {
		errno = ENODEV;
		return -1;
	}
	if (reply.result < 0) {
		errno = -reply.result;
		return -1;
	}
	if (out_length)
		memcpy(out, reply.data, out_length);
	return reply.result;
}

static int dial(unsigned operation, const void *in, unsigned length)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), saved;
	strncpy(address.sun_path, getenv("PISIM_SOCK"), sizeof address.sun_path - 1);
	if (fd < 0)
		return -1;
	if (fd >= MAX_FD || connect(fd, (void *)&address, sizeof address)) {
		close(fd);
		errno = ENOENT;
		return -1;
	}
	if (ask(fd, operation, in, length, NULL, 0) < 0) {
		saved = errno;
		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

/* A descriptor of the simulator, -1 with errno, or -2 for a path that is none of ours. */
static int open_ours(const char *path)
{
	enum kind k = !getenv("PISIM_SOCK")			? NOT_OURS :
		      !strncmp(path, "/dev/i2c-", 9)		? I2C :
		      !strncmp(path, "/dev/gpiochip", 13)	? CHIP :
								  NOT_OURS;
	int fd;
	if (k == NOT_OURS)
		return -2;
	fd = dial('O', path, strlen(path) + 1);
	if (fd >= 0)
		kind_of[fd] = k;
	return fd;
}

static const char *stand_in(const char *path, char *buffer, size_t size)
{
	const char *root = getenv("PISIM_ROOT");
	if (!root || (strncmp(path, "/proc/", 6) && strncmp(path, "/sys/", 5)))
		return path;
	snprintf(buffer, size, "%s%s", root, path);
	return access(buffer, F_OK) ? path : buffer;
}

#define OPEN(name)                                                                                           \
	int name(const char *path, int flags, ...)                                                           \
	{                                                                                                    \
		REAL(int, name, const char *, int, ...);                                                     \
		char buffer[512];                                                                            \
		int fd = open_ours(path), mode;                                                              \
		va_list list;                                                                                \
		if (fd != -2)                                                                                \
			return fd;                                                                           \
		va_start(list, flags);                                                                       \
		mode = va_arg(list, int);                                                                    \
		va_end(list);                                                                                \
		return real_##name(stand_in(path, buffer, sizeof buffer), flags, mode);                      \
	}
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                                                         \
	int name(int folder, const char *path, int flags, ...)                                               \
	{                                                                                                    \
		REAL(int, name, int, const char *, int, ...);                                                \
		char buffer[512];                                                                            \
		int fd = open_ours(path), mode;                                                              \
		va_list list;                                                                                \
		if (fd != -2)                                                                                \
			return fd;                                                                           \
		va_start(list, flags);                                                                       \
		mode = va_arg(list, int);                                                                    \
		va_end(list);                                                                                \
		return real_##name(folder, stand_in(path, buffer, sizeof buffer), flags, mode);              \
	}
OPENAT(openat)
OPENAT(openat64)

int close(int fd)
{
	REAL(int, close, int);
	if (kind(fd) == LINE) /* like the kernel: the line is free when close returns */
		ask(fd, 'R', "", 0, NULL, 0);
	if (fd >= 0 && fd < MAX_FD)
		kind_of[fd] = NOT_OURS;
	return real_close(fd);
}

static int transfer(int fd, const struct i2c_msg *message, int count)
{
	unsigned char out[MAX_PAYLOAD] = { 0 }, in[MAX_PAYLOAD];
	unsigned out_length = 0, in_length = 0;
	for (int i = 0; i < count; i++) {
		unsigned short head[3] = { message[i].addr, message[i].flags, message[i].len };
		if (out_length + sizeof head + message[i].len > sizeof out || in_length + message[i].len > sizeof in) {
			errno = EMSGSIZE;
			return -1;
		}
		memcpy(out + out_length, head, sizeof head);
		out_length += sizeof head;
		if (message[i].flags & I2C_M_RD) {
			in_length += message[i].len;
		} else {
			memcpy(out + out_length, message[i].buf, message[i].len);
			out_length += message[i].len;
		}
	}
	if (ask(fd, 'X', out, out_length, in, in_length) < 0)
		return -1;
	in_length = 0;
	for (int i = 0; i < count; i++)
		if (message[i].flags & I2C_M_RD) {
			memcpy(message[i].buf, in + in_length, message[i].len);
			in_length += message[i].len;
		}
	return count;
}

/* SMBus calls as the kernel itself emulates them on a plain I2C adapter. */
static int smbus(int fd, const struct i2c_smbus_ioctl_data *call)
{
	unsigned char out[I2C_SMBUS_BLOCK_MAX + 2] = { call->command }, in[I2C_SMBUS_BLOCK_MAX];
	union i2c_smbus_data *data = call->data;
	int reads = call->read_write, out_length = 1, in_length = 0;
	switch (call->size) {
	case I2C_SMBUS_QUICK:
		out_length = 0;
		break;
	case I2C_SMBUS_BYTE:
		if (reads) {
			out_length = 0;
			in_length = 1;
		}
		break;
	case I2C_SMBUS_BYTE_DATA:
		if (reads)
			in_length = 1;
		else
			out[out_length++] = data->byte;
		break;
	case I2C_SMBUS_I2C_BLOCK_DATA:
		if (data->block[0] < 1 || data->block[0] > I2C_SMBUS_BLOCK_MAX) {
			errno = EINVAL;
			return -1;
		}
		if (reads) {
			in_length = data->block[0];
		} else {
			memcpy(out + 1, data->block + 1, data->block[0]);
			out_length += data->block[0];
		}
		break;
	default:
		errno = EOPNOTSUPP;
		return -1;
	}
	struct i2c_msg message[2] = { { slave_of[fd], 0, out_length, out },
				      { slave_of[fd], I2C_M_RD, in_length, in } };
	int writes = out_length || !in_length;
	if (transfer(fd, writes ? message : message + 1, writes + (in_length > 0)) < 0)
		return -1;
	if (in_length && call->size == I2C_SMBUS_I2C_BLOCK_DATA)
		memcpy(data->block + 1, in, in_length);
	else if (in_length)
		data->byte = in[0];
	return 0;
}

static int i2c_ioctl(int fd, unsigned long request, void *argument)
{
	unsigned long value = (unsigned long)argument;
	switch (request) {
	case I2C_SLAVE:
	case I2C_SLAVE_FORCE:
		slave_of[fd] = value;
		return 0;
	case I2C_FUNCS:
		*(unsigned long *)argument = I2C_FUNC_I2C | I2C_FUNC_SMBUS_QUICK | I2C_FUNC_SMBUS_BYTE |
					     I2C_FUNC_SMBUS_BYTE_DATA | I2C_FUNC_SMBUS_I2C_BLOCK;
		return 0;
	case I2C_TIMEOUT: /* in units of 10 ms; a stuck bus holds the caller this long */
		return ask(fd, 'T', &value, sizeof value, NULL, 0);
	case I2C_RETRIES:
	case I2C_PEC:
	case I2C_TENBIT:
		return 0;
	case I2C_RDWR: {
		struct i2c_rdwr_ioctl_data *all = argument;
		return transfer(fd, all->msgs, all->nmsgs);
	}
	case I2C_SMBUS:
		return smbus(fd, argument);
	}
	errno = ENOTTY;
	return -1;
}

static int chip_ioctl(int fd, unsigned long request, void *argument)
{
	int line;
	switch (request) {
	case GPIO_GET_CHIPINFO_IOCTL:
		return ask(fd, 'C', "", 0, argument, sizeof(struct gpiochip_info));
	case GPIO_V2_GET_LINEINFO_IOCTL:
		return ask(fd, 'I', argument, sizeof(struct gpio_v2_line_info), argument,
			   sizeof(struct gpio_v2_line_info));
	case GPIO_V2_GET_LINE_IOCTL:
		line = dial('L', argument, sizeof(struct gpio_v2_line_request));
		if (line < 0)
			return -1;
		kind_of[line] = LINE;
		((struct gpio_v2_line_request *)argument)->fd = line;
		return 0;
	}
	errno = ENOTTY;
	return -1;
}

static int line_ioctl(int fd, unsigned long request, void *argument)
{
	unsigned size = sizeof(struct gpio_v2_line_values);
	switch (request) {
	case GPIO_V2_LINE_SET_VALUES_IOCTL:
		return ask(fd, 'S', argument, size, NULL, 0);
	case GPIO_V2_LINE_GET_VALUES_IOCTL:
		return ask(fd, 'G', argument, size, argument, size);
	case GPIO_V2_LINE_SET_CONFIG_IOCTL:
		return ask(fd, 'F', argument, sizeof(struct gpio_v2_line_config), NULL, 0);
	}
	errno = ENOTTY;
	return -1;
}

int ioctl(int fd, unsigned long request, ...)
{
	REAL(int, ioctl, int, unsigned long, ...);
	va_list list;
	void *argument;
	va_start(list, request);
	argument = va_arg(list, void *);
	va_end(list);
	switch (kind(fd)) {
	case I2C:
		return i2c_ioctl(fd, request, argument);
	case CHIP:
		return chip_ioctl(fd, request, argument);
	case LINE:
		return line_ioctl(fd, request, argument);
	default:
		return real_ioctl(fd, request, argument);
	}
}
