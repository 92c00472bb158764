package dunlin

import dunlin.bridge.BridgeException
import dunlin.bridge.InternalException
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows
import dunlin.bridge.ErrorCode as BridgeCode

class ErrorsTest {
    private fun translation(error: Throwable) = assertThrows<DunlinException> { translated { throw error } }

    @Test
    fun `codes of the bridge keep their names`() {
        for (code in BridgeCode.entries) {
            val error = translation(BridgeException.Failed(code, "why"))
            assertEquals(code.name, error.code.name)
            assertEquals("why", error.message)
        }
        assertEquals(BridgeCode.entries.map { it.name }, ErrorCode.entries.map { it.name })
    }

    @Test
    fun `what the bridge itself can't do is a defect, a full heap is not`() {
        assertEquals(ErrorCode.INTERNAL, translation(InternalException("lost")).code)
        assertEquals(ErrorCode.MEMORY, translation(OutOfMemoryError()).code)
    }
}
