// Programs of 32 bits: refused with a remedy, and run with `--allow i386`, by the rules of the same filter.

import TestWorld
import Testing

#if arch(x86_64)
final class SecondInterfaceRunTests {
    let world: World

    init() throws {
        world = try World()
        // write(1), socket(40), socketcall(1), kill(1 000 000), exit.
        try world.write(
            "p.c",
            """
            static long ask(long number, long a, long b, long c) {
                long answer;
                __asm__ volatile("int $0x80" : "=a"(answer) : "0"(number), "b"(a), "c"(b), "d"(c) : "memory");
                return answer;
            }
            static void say(long answer) {
                char text[] = " 000";
                for (int i = 3, left = answer < 0 ? -answer : answer; i > 0; i--, left /= 10) text[i] = '0' + left % 10;
                ask(4, 1, (long)text, 4);
            }
            void _start(void) {
                long vsock[] = {40, 1, 0};
                say(ask(359, 40, 1, 0));
                say(ask(102, 1, (long)vsock, 0));
                say(ask(21, 0, 0, 0));
                ask(1, 0, 0, 0);
                for (;;) {}
            }
            """)
        try world.sh("mkdir root && gcc -m32 -O1 -fno-stack-protector -fno-pie -no-pie -nostdlib -static -o root/p p.c")
    }

    @Test func theyRunWhereTheyAreAllowed() throws {
        let refused = try world.sandbox(["run", "--report-denied", "--timeout", "20", "./root", "/p"])
        #expect(refused.status != 0 && refused.output.isEmpty)
        #expect(refused.errors.contains("--allow i386 (in a profile: allow = [\"i386\"])"), "\(refused.errors)")
        // No family 40, no socket by way of memory, no mount.
        let allowed = try world.sandbox(["run", "--allow", "i386", "./root", "/p"])
        #expect(allowed.status == 0 && allowed.output == " 097 001 001", "\(allowed)")
    }

    /// What is refused in front of the filter is refused to both interfaces.
    @Test func initIsAsFarAwayAsByTheOtherInterface() throws {
        try world.write(
            "q.c",
            """
            void _start(void) {
                long answer;
                __asm__ volatile("int $0x80" : "=a"(answer) : "0"(97), "b"(0), "c"(1), "d"(5) : "memory");
                __asm__ volatile("int $0x80" : : "a"(1), "b"(answer == -1 ? 0 : 1));
                for (;;) {}
            }
            """)
        try world.sh("gcc -m32 -O1 -fno-stack-protector -fno-pie -no-pie -nostdlib -static -o root/q q.c")
        let outcome = try world.sandbox(["run", "--allow", "i386", "--cap-add", "cap_sys_nice", "./root", "/q"])
        #expect(outcome.status == 0, "\(outcome)")
    }
}
#endif
